"""Every command and path that README and docs name exists, and takes the arguments it is shown with."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tasks import run
from tests.patience import HANG_S
from utils.arguments import find, read_words
from utils.command import Command
from utils.config.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.S | re.M)


def commands() -> list[tuple[str, str]]:
    """List (page, command) of every ```bash block, and of every `command` in a table."""
    found = []
    for page in PAGES:
        lines = [line.strip() for block in blocks(page, "bash") for line in block.replace("\\\n", " ").splitlines()]
        lines += re.findall(r"`((?:bash|python|\.venv/bin/python|tensorboard) [^`]+)`", page.read_text())
        found += [(page.name, line) for line in lines if line and not line.startswith("#")]
    return found


COMMANDS = commands()


def assert_words_are_taken(words: list[str]) -> None:
    """A Python command exists, and its schema takes the words that follow it."""
    module, words = (words[1], words[2:]) if words[0] == "-m" else (words[0], words[1:])
    if module.endswith(".py"):
        assert (ROOT / module).is_file(), f"{module} does not exist"
        module = module.removesuffix(".py").replace("/", ".")
    if module == "tasks.run":
        assert_settings_exist(read_words(run.RunCommand, words, module))
    elif (door := getattr(importlib.import_module(module), "DOOR", None)) is not None:
        commands = {row.name: row for row in door.rows if isinstance(row, Command)}
        if "" not in commands and not words:
            return
        command = commands[""] if "" in commands else commands[words.pop(0)]
        schema = find(command.settings) if isinstance(command.settings, str) else command.settings
        assert read_words(schema, words, module)
    else:
        assert callable(importlib.import_module(module).main)


def as_given(words: list[str]) -> list[str]:
    """Put something that parses where a command shows a place-holder."""
    return [word.strip("[]") for word in words if not set(word) <= set("[]….")]


def assert_settings_exist(command: run.RunCommand) -> None:
    """Settings given as flags are settings of the recipe's task."""
    given = command.assignments
    if not given or command.config is None or not (ROOT / command.config).is_file():
        evaluates = command.evaluate and command.config is not None and command.config.parts[0] == "checkpoints"
        assert not command.settings or evaluates
        return
    fields = run.schema_in(load_recipe(command.config), given).model_fields
    assert {text.split("=")[0].split(".")[0] for text in given} <= set(fields)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}:{text[:60]}" for page, text in COMMANDS])
def test_a_command_exists_and_takes_its_arguments(page, command):
    words = as_given(shlex.split(command))
    if words[0] == "bash":
        script = ROOT / words[1]
        assert script.is_file(), f"{page} names {words[1]}, which does not exist"
        assert subprocess.run(["bash", "-n", str(script)], timeout=HANG_S).returncode == 0
        if script.name not in ("setup.sh", "test.sh"):
            shown = subprocess.run(["bash", str(script), "-h"], capture_output=True, text=True, timeout=HANG_S)
            assert shown.returncode == 0
            assert f"bash {words[1]}" in shown.stdout
            assert_script_takes(words[1:], shown.stdout)
        return
    if words[0] == "tensorboard":
        return
    assert words[0] in ("python", ".venv/bin/python")
    assert_words_are_taken(words[1:])


def assert_script_takes(words: list[str], usage: str) -> None:
    """Check positional arguments and flags of a script against what its help shows."""
    shown = next(line for line in usage.splitlines() if f"bash {words[0]}" in line)
    places = re.findall(r"[A-Z_]{3,}(?:\.[a-z0-9]+)?", shown.split(words[0])[1].split("--")[0].split("[flags")[0])
    given = [word for word in words[1:] if not word.startswith("--")]
    flags = [word.split("=")[0] for word in words[1:] if word.startswith("--")]
    values = sum(1 for word in words[1:] if word.startswith("--") and "=" not in word)
    assert len(given) - values <= len(places), f"{words} against: {shown}"
    assert all(flag in usage for flag in flags), f"{flags} are not in the help of {words[0]}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("docs/pictures/"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_settings_named_exist(page):
    from tasks.core.task import Task
    from tasks.registry import TASKS, task_class

    assert issubclass(task_class("lm3d_nerf"), Task)
    known = {field for name in TASKS if name != "toy" for field in task_class(name).schema.model_fields}
    for name in re.findall(r"`(infer_\w+|n_samples_\w+)`", page.read_text()):
        assert name in known, f"{page.name} names the setting {name}"
    for stage, name in re.findall(r"--set (?:(\w+)\.)?(\w+)=", page.read_text()):
        fields = set(task_class(stage).schema.model_fields) if stage else known
        assert name in fields or name == "NAME", f"{page.name} sets {stage}.{name}"


def test_python_examples_compile():
    for page in PAGES:
        for block in blocks(page, "python"):
            compile(block, page.name, "exec")


def test_every_page_is_listed():
    listed = (ROOT / "docs/README.md").read_text()
    assert [page.name for page in PAGES if page.name != "README.md" and page.name not in listed] == []


def test_the_site_has_every_page_once():
    named = re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(named) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))
