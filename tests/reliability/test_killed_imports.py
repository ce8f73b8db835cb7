"""An import into the folder in which a release was unzipped may be killed at any moment, and be given again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.core.checkpoints import read_checkpoint
from tests.reliability.harness import Command, Running, Stop
from tests.tasks.exchange import geneface_files
from utils.errors import DataError


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """Write a checkpoint as GeneFace writes it."""
    return geneface_files.save_nerf(tmp_path_factory.mktemp("published") / "model_ckpt_steps_400000.ckpt")


def release(root: Path, published: Path) -> Path:
    """Lay out what unzipping a release gives: a checkpoint, its recipe, and notes."""
    place = root / "checkpoints" / "May" / "lm3d_nerf"
    place.mkdir(parents=True)
    shutil.copy(published, place)
    (place / "config.yaml").write_text("task_cls: tasks.nerfs.lm3d_nerf.Lm3dNeRFTask\n")
    (place / "notes.txt").write_text("theirs")
    return place


def bring_in(root: Path, stop: Stop | None = None) -> Running:
    words = ("checkpoints/May/lm3d_nerf",)
    running = Running(Command("tasks/import_checkpoint.py", words, root, root / "log.txt", stop=stop))
    running.wait()
    return running


def contents(place: Path) -> dict[str, object]:
    return {str(path.relative_to(place)): content(path) for path in sorted(place.rglob("*")) if path.is_file()}


def content(path: Path) -> object:
    """Return a file's bytes; of a checkpoint of ours what it holds, since torch writes its hidden name into it."""
    if path.suffix != ".ckpt" or path.parent.name == "original":
        return path.read_bytes()
    try:
        checkpoint = read_checkpoint(path)
    except DataError:
        return path.read_bytes()
    weights = {name: value.numpy().tobytes() for name, value in checkpoint["state_dict"].items()}
    return weights, checkpoint["vizeme"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, published) -> tuple[dict[str, object], dict[str, object], int]:
    """Import once without a kill: what was there, what is there then, and how many changes that took."""
    root = tmp_path_factory.mktemp("unbroken")
    place = release(root, published)
    before = contents(place)
    running = bring_in(root, Stop(root / "checkpoints"))
    assert running.wait() == 0, running.said()
    return before, contents(place), int((root / "log.changes").read_text())


def test_what_was_there_is_kept(unbroken):
    before, after, changes = unbroken
    assert all(after[f"original/{name}"] == data for name, data in before.items())
    assert {"config.yaml", "last.ckpt", "model_ckpt_steps_400000.ckpt"} <= set(after)
    assert changes >= 7


def test_a_kill_at_any_change_is_mended_by_the_same_command(unbroken, published, tmp_path):
    _, after, changes = unbroken
    for change in range(1, changes + 1):
        root = tmp_path / str(change)
        place = release(root, published)
        assert bring_in(root, Stop(root / "checkpoints", change)).wait() == -9
        again = bring_in(root)
        assert again.wait() == 0, (change, again.said())
        assert contents(place) == after, change
