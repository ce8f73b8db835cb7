"""The house's rules: which way imports point, what every recipe must do, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.registry import TASKS, task_class
from utils.config.recipe import load_recipe
from utils.config.schema import parse

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tasks", "modules", "data_gen", "utils")
OUTSIDE = {"torch", "einops", "jaxtyping", "kornia", "transformers", "numpy"}
RECIPES = sorted((ROOT / "egs").rglob("*.yaml"))


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    allowed = {
        "tasks": {"tasks", "modules", "data_gen", "utils"},
        "data_gen": {"data_gen", "utils", "modules"},
        "utils": {"utils"},
        "modules": {"modules"},
    }[package]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in imported(path)
        if (top := name.split(".")[0]) in (*PACKAGES, "tests") and top not in allowed
    ]
    assert not wrong


def test_modules_import_few_libraries():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("modules")
        for name in imported(path)
        if (top := name.split(".")[0]) not in OUTSIDE | {"modules", "__future__"} and top not in sys.stdlib_module_names
    ]
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_shadows_the_standard_library(package):
    top = [p.stem for p in (ROOT / package).iterdir() if p.suffix == ".py" or p.is_dir()]
    assert not set(top) & set(sys.stdlib_module_names) - {"__init__"}


def test_nothing_runs_code_from_a_file_or_a_string():
    banned = re.compile(
        r"\beval\(|\bexec\(|shell=True|import pickle\b|allow_pickle=True|weights_only=False|os\.system|yaml\.load\("
    )
    wrong = []
    for package in PACKAGES:
        for path in sources(package):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if (match := banned.search(line)) and not (match[0] in ("eval(", "exec(") and "." + match[0] in line):
                    if "_StrictLoader" not in line:
                        wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not wrong


def test_there_are_recipes():
    assert len(RECIPES) >= 10


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_recipe_parses(path):
    recipe = load_recipe(path)
    assert not recipe.problems
    if "task_cls" not in recipe.values:
        assert "egs_bases" in path.parts, "only a base may leave task_cls to others"
        return
    schema = task_class(recipe.values["task_cls"]).schema
    parse(schema, recipe.values, path, origins=recipe.origins)


@pytest.mark.parametrize(
    "path", [p for p in RECIPES if "egs_bases" not in p.parts], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_recipe_opens_with_its_command(path):
    comment = "\n".join(line for line in path.read_text().splitlines()[:12] if line.startswith("#"))
    command = re.search(r"(python tasks/run\.py|bash scripts/\S+)[^\n]*", comment)
    assert command, "the first comment must hold the command that runs the recipe"
    if (named := re.search(r"--config[= ](\S+)", command[0])) is not None:
        assert (ROOT / named[1]).resolve() == path.resolve()


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_imports_and_explains_its_settings(name):
    from utils.config.schema import describe

    kind = task_class(name)
    silent = [setting for setting, _, text in describe(kind.schema) if not text]
    assert not silent, "every setting has a help text"
    weights = kind.schema.model_fields.get("weights")
    assert weights is not None


@pytest.mark.parametrize("name", list(TASKS))
def test_every_setting_is_read_somewhere(name):
    from utils.config.schema import describe

    code = "\n".join(path.read_text() for package in PACKAGES for path in sources(package))
    unread = []
    for setting, _, _ in describe(task_class(name).schema):
        group, _, leaf = setting.rpartition(".")
        names_a_loss = group == "weights" and f'"{leaf}"' in code
        if not names_a_loss and not re.search(rf"\.{leaf}\b", code):
            unread.append(setting)
    assert not unread


@pytest.mark.parametrize("door", ["tasks/run.py", "data_gen/run.py"])
def test_doors_open_without_pythonpath_and_from_anywhere(door, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / door), "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, env={}
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout
