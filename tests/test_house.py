"""The house's rules: which way code points, what a recipe must do, what no file may hold, what is named is there."""

from __future__ import annotations

import ast
import functools
import json
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import data_gen.run
from tasks import export_checkpoint, import_checkpoint, talking_head
from tasks.registry import TASKS, task_class
from tests.conftest import TOGETHER
from tests.patience import HANG_S
from utils import assets
from utils.arguments import find
from utils.command import Command
from utils.config.recipe import load_recipe
from utils.config.schema import parse
from utils.visualization import contact_sheet, lm_visualizer

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tasks", "modules", "data_gen", "utils")
OUTSIDE = {"torch", "jaxtyping", "kornia", "transformers", "numba", "numpy", "onnx", "google"}
"""google.protobuf is onnx's own."""
DOORS = (
    "tasks/run.py", "tasks/talking_head.py", "tasks/import_checkpoint.py", "tasks/export_checkpoint.py",
    "data_gen/run.py", "utils/visualization/contact_sheet.py", "utils/visualization/lm_visualizer.py",
)  # fmt: skip
RECIPES = sorted((ROOT / "egs").rglob("*.yaml"))


class Source(NamedTuple):
    """What the rules ask of a file: its text, the names that it imports, its docstrings, its texts in quotes."""

    text: str
    imports: set[str]
    docstrings: list[str]
    strings: list[str]


@functools.cache
def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@functools.cache
def source(path: Path) -> Source:
    """Read a file once for all rules."""
    parts = Source(path.read_text(), set(), [], [])
    for node in ast.walk(ast.parse(parts.text)):
        if isinstance(node, ast.Import):
            parts.imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            parts.imports.add(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts.strings.append(node.value)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
            parts.docstrings.append(said)
    return parts


def test_imports_point_down_and_never_in_a_circle():
    """The walls stand in `pyproject.toml`: floors, wings, and no circle of files, in functions and types neither."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stdout


def test_nothing_imports_the_tests():
    files = [path for package in PACKAGES for path in sources(package)]
    assert not [path for path in files if any(name.split(".")[0] == "tests" for name in source(path).imports)]


def module_strings(path: Path) -> list[str]:
    """List what a source names as a string instead of importing it: "package.module", "package.module:name"."""
    named = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+(?::\w+)?")
    return [text for text in source(path).strings if named.fullmatch(text)]


def test_what_is_tested_together_exists():
    assert not [start for start in TOGETHER if not list(ROOT.glob(f"{start.rstrip('/')}*"))]


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
    of_tasks = (talking_head, import_checkpoint, export_checkpoint)
    for door in (data_gen.run, *of_tasks, contact_sheet, lm_visualizer, assets):
        for row in door.DOOR.rows:
            if isinstance(row, Command):
                schema = find(row.settings) if isinstance(row.settings, str) else row.settings
                assert all(info.description for info in schema.model_fields.values()), f"{row.name}: no help"
                assert not row.holds or row.holds in schema.model_fields
                assert callable(find(row.run))
                assert not door.__name__.startswith("data_gen") or row.run.startswith("data_gen.")
    for place, _ in TASKS.values():
        assert place.startswith("tasks.")


def named_paths(text: str) -> set[str]:
    """Find the paths of files and folders of this repository that a text names."""
    tops = "tasks|modules|data_gen|utils|scripts|tests|egs|docs"
    return {m.rstrip(".") for m in re.findall(rf"(?<![\w./<-])((?:{tops})/[\w./*-]*[\w*])", text)}


@functools.cache
def there(path: str) -> bool:
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *(f"docs/{p.name}" for p in sorted(ROOT.glob("docs/*.md")))]


@pytest.mark.parametrize("page", PAGES)
def test_paths_in_the_pages_exist(page):
    missing = sorted(path for path in named_paths((ROOT / page).read_text()) if not there(path))
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_files_that_the_pages_call_by_a_part_of_their_path_exist(page):
    """`mend.py` or `speaking/mend.py` is as good as the whole path, and must lead somewhere as well."""
    folders = [ROOT / package for package in (*PACKAGES, "scripts", "tests")]
    paths = [f"/{path.relative_to(ROOT).as_posix()}" for folder in folders for path in folder.rglob("*.*")]
    named = set(re.findall(r"`([\w./-]+\.(?:py|sh|html))`", (ROOT / page).read_text()))
    assert not [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in paths)]


def test_the_page_of_the_house_has_every_folder():
    named = set(re.findall(r"^\| `([\w/]+)/` \|", (ROOT / "docs/house.md").read_text(), re.M))
    folders = {path.parent.relative_to(ROOT).as_posix() for package in PACKAGES for path in sources(package)}
    assert named == folders


def test_paths_in_docstrings_exist():
    missing = []
    for package in (*PACKAGES, "tests"):
        for path in sources(package):
            for text in source(path).docstrings:
                missing += [f"{path.relative_to(ROOT)}: {name}" for name in named_paths(text) if not there(name)]
    for path in [*RECIPES, *ROOT.glob("scripts/*.sh")]:
        missing += [f"{path.relative_to(ROOT)}: {name}" for name in named_paths(path.read_text()) if not there(name)]
    assert not missing


def test_modules_import_few_libraries():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("modules")
        for name in source(path).imports
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
            for number, line in enumerate(source(path).text.splitlines(), 1):
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


@functools.cache
def words_of_the_code() -> tuple[set[str], set[str]]:
    """Return every word after a dot, as an attribute is read, and every word in double quotes."""
    code = "\n".join(source(path).text for package in PACKAGES for path in sources(package))
    return set(re.findall(r"\.(\w+)", code)), set(re.findall(r'"(\w+)(?=")', code))


@pytest.mark.parametrize("name", list(TASKS))
def test_every_setting_is_read_somewhere(name):
    from utils.config.schema import describe

    read, quoted = words_of_the_code()
    unread = []
    for setting, _, _ in describe(task_class(name).schema):
        group, _, leaf = setting.rpartition(".")
        names_a_loss = group == "weights" and leaf in quoted
        if not names_a_loss and leaf not in read:
            unread.append(setting)
    assert not unread


HEAVY = "torch", "pytorch_lightning", "cv2", "mediapipe"
HERE = {"PYTHONPATH": "./"}
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "alone": ([], {}), "PYTHONPATH": ([], HERE), "-P": (["-P"], {}), "both": (["-P"], HERE),
}  # fmt: skip
TRIED = [(door, way) for number, door in enumerate(DOORS) for way in WAYS if number == 0 or way == "alone"]
"""One door in every way, the others in one: they find their packages by the same lines."""


@pytest.mark.parametrize("door", DOORS)
def test_every_door_finds_its_packages_by_the_same_lines(door):
    lines = (
        'if __name__ == "__main__":  '
        "# not this script's folder, which hides the packages beside it, but the repository\n"
        f"    sys.path[: not sys.flags.safe_path] = [str(Path(__file__).resolve().parents[{door.count('/')}])]\n"
    )
    before, _, after = source(ROOT / door).text.partition(lines)
    assert not re.search(r"^(?:from|import) (?:tasks|modules|data_gen|utils)\b", before, re.M)
    assert re.search(r"^from (?:tasks|modules|data_gen|utils)\b", after, re.M)
    assert "sys.path" not in after


@pytest.mark.parametrize(("door", "way"), TRIED)
def test_doors_open_without_pythonpath_and_from_anywhere(door, way, tmp_path):
    flags, env = WAYS[way]
    done = subprocess.run(
        [sys.executable, *flags, str(ROOT / door), "--help"],
        cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python {door}")


ANSWERS = {
    "tasks/run.py": ["--help", "--list", "--infr", "--steps=soon"],
    "tasks/talking_head.py": ["--help", "infer --help", "infer May --infer_scale=2", "sing", "play --port=-1"],
    "tasks/import_checkpoint.py": ["--help", "--lsit", "none.ckpt none"],
    "tasks/export_checkpoint.py": ["--help", "--format=tar"],
    "data_gen/run.py": ["--help", *(f"{row.name} --nonsense" for row in data_gen.run.DOOR.rows)],
    "utils/visualization/contact_sheet.py": ["--help", "a b --size=0"],
    "utils/visualization/lm_visualizer.py": ["--help", "--colour"],
}
"""Command lines that a door answers without what takes seconds to import."""


def test_help_and_slips_are_answered_before_anything_heavy_is_imported():
    """All in one process, in which what is heavy would be there from the first door on that imports it."""
    code = (
        "import contextlib, importlib, io, json, sys\n"
        "from utils.errors import UserError\n"
        "for module, lines in json.loads(sys.argv[1]).items():\n"
        "    main = importlib.import_module(module).main\n"
        "    for line in lines:\n"
        "        with contextlib.suppress(UserError), contextlib.redirect_stdout(io.StringIO()):\n"
        "            assert main(line.split()) == 0\n"
        f"    print(module, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    doors = {door.removesuffix(".py").replace("/", "."): lines for door, lines in ANSWERS.items()}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(doors)], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"{module} []" for module in doors]), done.stderr


NOW = "error: this command is now: python tasks/run.py --config=checkpoints/RUN/config.yaml --evaluate"
DATA = "; `adapt`, `apply`: python data_gen/run.py; `export`: python tasks/export_checkpoint.py RUN --format onnx"
MOVED = {
    "tasks/renderer_evaluation.py": f"{NOW}\n",
    "tasks/wav2pix_evaluation.py": f"{NOW}\n",
    "tasks/template_tools.py": f"{NOW}{DATA}\n",
}


@pytest.mark.parametrize("door", MOVED)
def test_what_was_elsewhere_is_named(door, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / door), "May/lm3d_nerf"],
        cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (2, "", MOVED[door])
