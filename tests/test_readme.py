"""Every command and path that README and docs name exists, and takes the arguments it is shown with."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from data_gen.run import COMMANDS as COMMANDS_OF_DATA
from tasks import run
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


def parser_of(words: list[str]):
    """Return the argparse parser behind a Python command, and the arguments for it; None when there is no parser."""
    if words[0] == "-m":
        module = importlib.import_module(words[1])
        assert callable(module.main)
        return None, words[2:]
    script = words[0]
    assert (ROOT / script).is_file(), f"{script} does not exist"
    module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
    build = getattr(module, "parser", None) or getattr(module, "arguments", None)
    return (build() if build else None), words[1:]


def as_given(words: list[str]) -> list[str]:
    """Put something that parses where a command shows a place-holder."""
    return [word.strip("[]") for word in words if not set(word) <= set("[]….")]


def assert_settings_exist(flags: argparse.Namespace, rest: list[str]) -> None:
    """Settings given as flags are settings of the recipe's task."""
    given = run.read_overrides(flags, rest)
    if not given or flags.config is None or not (ROOT / flags.config).is_file():
        assert not rest
        return
    fields = run.kind_of(load_recipe(flags.config), given).schema.model_fields
    assert {text.split("=")[0].split(".")[0] for text in given} <= set(fields)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}:{text[:60]}" for page, text in COMMANDS])
def test_a_command_exists_and_takes_its_arguments(page, command):
    words = as_given(shlex.split(command))
    if words[0] == "bash":
        script = ROOT / words[1]
        assert script.is_file(), f"{page} names {words[1]}, which does not exist"
        assert subprocess.run(["bash", "-n", str(script)], timeout=20).returncode == 0
        if script.name not in ("setup.sh", "test.sh"):
            shown = subprocess.run(["bash", str(script), "-h"], capture_output=True, text=True, timeout=20)
            assert shown.returncode == 0
            assert f"bash {words[1]}" in shown.stdout
            assert_script_takes(words[1:], shown.stdout)
        return
    if words[0] == "tensorboard":
        return
    assert words[0] in ("python", ".venv/bin/python")
    parser, arguments = parser_of(words[1:])
    if words[1] == "data_gen/run.py":
        flags = argparse.ArgumentParser()
        importlib.import_module(COMMANDS_OF_DATA[arguments[0]][0]).add_arguments(flags)
        assert flags.parse_args(arguments[1:])
    elif words[1] == "tasks/run.py":
        flags, rest = parser.parse_known_args(arguments)
        assert_settings_exist(flags, rest)
    elif parser is not None:
        assert parser.parse_args(arguments)


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
def test_paths_and_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("docs/pictures/"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for path in re.findall(r"`((?:tasks|modules|data_gen|utils|egs|scripts|tests|docs)/[\w./]+)`", text):
        assert (ROOT / path).exists(), f"{page.name} names {path}"


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
