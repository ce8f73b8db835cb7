"""`docs/coming_from.md` names, as code, nothing but what is here: commands, files, settings and flags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import data_gen.run
from tasks import run
from tasks.registry import TASKS, task_class
from utils.arguments import find, flag_of
from utils.command import Command
from utils.config.other_names import OTHER_NAMES
from utils.config.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/coming_from.md"
FAMILIES = {
    "": tuple(name for name in TASKS if name != "toy"),
    "GeneFace": ("syncnet", "lm3d_vae_sync", "postnet", "lm3d_nerf", "lm3d_nerf_torso", "geneface_nerf"),
    "Speech-to-face": ("ve_conv", "ve_ast", "face_decoder"),
    "rbh24": ("template_decoder",),
    "wav2pix": ("wav2pix",),
}
"""Part of the page -> the tasks whose settings are meant there."""
DATA = {
    "GeneFace": ("video", "clips"),
    "Speech-to-face": ("face_voice",),
    "rbh24": ("templates",),
    "wav2pix": ("wav2pix",),
}
VARIABLES = {"CUDA_VISIBLE_DEVICES"}


def parts() -> dict[str, str]:
    """Return the page by its headings; "" is what stands before the first."""
    text = re.sub(r"^```.*?^```", "", PAGE.read_text(), flags=re.S | re.M)
    first, *rest = re.split(r"^## (.+)$", text, flags=re.M)
    return {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def dotted(schema: type[BaseModel], before: str = "") -> set[str]:
    names = set()
    for name, info in schema.model_fields.items():
        names.add(before + name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names |= dotted(info.annotation, f"{before}{name}.")
    return names


def flags(part: str) -> set[str]:
    """List what may be typed there after two dashes."""
    known = {flag_of(name, info) for name, info in run.RunCommand.model_fields.items()}
    for task in FAMILIES[part]:
        known |= dotted(task_class(task).schema)
    for row in data_gen.run.DOOR.rows:
        if isinstance(row, Command) and row.name in DATA.get(part, ()):
            schema = find(row.settings) if isinstance(row.settings, str) else row.settings
            known |= {flag_of(name, info) for name, info in schema.model_fields.items()}
    return known


def unknown(spans: list[str], known: set[str]) -> list[str]:
    """Return the spans of code that name nothing that is here."""
    wrong = []
    for span in spans:
        words = span.split()
        if words[0] in ("python", "bash"):
            wrong += [span] if not (ROOT / words[1]).is_file() else []
            wrong += [word for word in words if word.startswith("--config=egs") and not recipe_is_there(word)]
            used = [word for word in words[2:] if word.startswith("--")]
        elif span == "-hp" or span in VARIABLES or span == "ours":
            continue
        else:
            used = words
        wrong += [word for word in used if not word.startswith("--") or word[2:].split("=")[0] not in known]
    return wrong


def recipe_is_there(word: str) -> bool:
    path = ROOT / word.split("=", 1)[1]
    return path.is_file() and load_recipe(path).values["task_cls"] in TASKS


@pytest.mark.parametrize("part", FAMILIES, ids=lambda part: part or "common")
def test_what_is_ours_on_the_page_is_here(part):
    spans = re.findall(r"`([^`]+)`", parts()[part])
    visual = {"npy_name", "audio_name", "out_path"} if part == "GeneFace" else set()
    assert len(spans) > 8
    assert not unknown(spans, flags(part) | visual)


def test_the_page_has_a_part_for_each_family():
    assert list(parts()) == list(FAMILIES)


def test_a_slip_would_be_noticed():
    spans = ["--no_such_setting=1", "python tasks/nothing.py", "bash scripts/train_nerf.sh --nothing", "lr", "--lr=1"]
    assert unknown(spans, {"lr"}) == ["--no_such_setting=1", "python tasks/nothing.py", "--nothing", "lr"]


def test_theirs_are_never_shown_as_ours():
    """What stands in the first column is plain: so that nobody takes a flag of theirs for one that is here."""
    rows = [row for text in parts().values() for row in text.splitlines() if row.startswith("|")]
    assert len(rows) > 60
    assert not [row for row in rows if "`" in row.split("|")[1]]


@pytest.mark.parametrize("project", OTHER_NAMES, ids=lambda project: project or "common")
def test_every_name_that_is_answered_stands_on_the_page_beside_ours(project):
    """The table of the answers and the page say the same: a row has the name, and beside it each flag of the answer."""
    rows = [line.split("|")[1:3] for line in parts()[project].splitlines() if line.startswith("|")]
    missing = []
    for name, answer in OTHER_NAMES[project].items():
        ours = [cells[1] for cells in rows if name in re.findall(r"[\w-]+", cells[0].replace("-", "_"))]
        wanted = re.findall(r"--[\w.]+", answer.partition(":")[0]) if answer.startswith("--") else []
        if not any(all(flag in cell for flag in wanted) for cell in ours):
            missing.append((name, wanted))
    assert not missing
