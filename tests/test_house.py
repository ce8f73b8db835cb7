"""The house's rules: which way code points, what a recipe must do, what no file may hold, what is named is there."""

from __future__ import annotations

import ast
import importlib
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

from data_gen.run import COMMANDS
from tasks.registry import TASKS, task_class
from utils.config.recipe import load_recipe
from utils.config.schema import parse

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tasks", "modules", "data_gen", "utils")
OUTSIDE = {"torch", "einops", "jaxtyping", "kornia", "transformers", "numpy"}
DOORS = (
    "tasks/run.py", "tasks/talking_head.py", "tasks/import_checkpoint.py", "tasks/export_checkpoint.py",
    "tasks/renderer/evaluate.py", "tasks/template_to_face/evaluate.py", "tasks/wav2pix/evaluate.py",
    "data_gen/run.py", "data_gen/templates/adapter.py",
)  # fmt: skip
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


def test_imports_point_down_and_never_in_a_circle():
    """The walls stand in `pyproject.toml`: floors, wings, and no circle of files, in functions and types neither."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_nothing_imports_the_tests():
    files = [path for package in PACKAGES for path in sources(package)]
    assert not [path for path in files if any(name.split(".")[0] == "tests" for name in imported(path))]


def module_strings(path: Path) -> list[str]:
    """List what a source names as a string instead of importing it: "package.module", "package.module:name"."""
    named = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+(?::\w+)?")
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and named.fullmatch(text)]


def test_what_is_named_in_a_string_exists_and_lies_below():
    """Import-linter sees no strings, so they are looked up here: from floor to floor, not from wing to wing."""
    below = {"tasks": PACKAGES, "data_gen": PACKAGES[1:], "modules": ("modules",), "utils": ("utils",)}
    wrong = []
    for package in PACKAGES:
        for path in sources(package):
            for text in module_strings(path):
                module, _, name = text.partition(":")
                if module.split(".")[0] not in below[package]:
                    wrong.append(f"{path.relative_to(ROOT)} points up at {text}")
                found = pydoc.locate(module)
                if found is None or (name and not hasattr(found, name)):
                    wrong.append(f"{path.relative_to(ROOT)} names {text}, which does not exist")
    assert not wrong


def test_every_command_and_task_is_where_its_table_says():
    for module, _ in COMMANDS.values():
        assert module.startswith("data_gen.")
        found = importlib.import_module(module)
        assert callable(found.add_arguments)
        assert callable(found.main)
    for place, _ in TASKS.values():
        assert place.startswith("tasks.")


def named_paths(text: str) -> set[str]:
    """Find the paths of files and folders of this repository that a text names."""
    tops = "tasks|modules|data_gen|utils|scripts|tests|egs|docs"
    return {m.rstrip(".") for m in re.findall(rf"(?<![\w./<-])((?:{tops})/[\w./*-]*[\w*])", text)}


def there(path: str) -> bool:
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


@pytest.mark.parametrize("page", ["README.md", *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/*.md"))])
def test_paths_in_the_pages_exist(page):
    missing = sorted(path for path in named_paths((ROOT / page).read_text()) if not there(path))
    assert not missing


def test_paths_in_docstrings_exist():
    missing = []
    for package in (*PACKAGES, "tests"):
        for path in sources(package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                    missing += [f"{path.relative_to(ROOT)}: {name}" for name in named_paths(text) if not there(name)]
    for path in [*RECIPES, *ROOT.glob("scripts/*.sh")]:
        missing += [f"{path.relative_to(ROOT)}: {name}" for name in named_paths(path.read_text()) if not there(name)]
    assert not missing


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
        r"(?<!def )\beval\(|\bexec\(|shell=True|import pickle\b|allow_pickle=True|weights_only=False|os\.system"
        r"|yaml\.load\("
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


@pytest.mark.parametrize("door", DOORS)
def test_doors_open_without_pythonpath_and_from_anywhere(door, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / door), "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, env={}
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout
