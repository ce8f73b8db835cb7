"""Measuring a renderer: a perfect picture scores perfectly, flicker shows, and the command writes its files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks import run
from tasks.core.trainer import train
from tasks.renderer import evaluate
from tasks.renderer.evaluate import Flicker, compare_points, seconds_a_frame
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tests.made import make_video_dataset
from tests.tasks.renderer.small import SMALL


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    video = make_video_dataset(folder / "made", frames=40, size=64)
    task = Lm3dNerfTask(
        {
            **SMALL,
            "task_cls": "lm3d_nerf",
            "video_id": "made",
            "binary_data_dir": str(video.path.parent),
            "max_updates": 2,
        }
    )
    train(task, folder / "head")
    return task, folder / "head"


def test_points_are_compared_where_both_faces_are_found():
    rng = np.random.default_rng(0)
    real = rng.normal(100, 20, (20, 68, 2)).astype(np.float32)
    made = real + np.array([3, 4], np.float32)
    made[5] = np.nan
    found = compare_points(made, real)
    assert found["faces_found"] == pytest.approx(0.95)
    assert found["lmd_face"] == pytest.approx(5, abs=1e-3)
    assert found["lmd_mouth"] == pytest.approx(5, abs=1e-3)
    assert found["lip_opening_correlation"] == pytest.approx(1)


def test_a_frame_costs_what_it_costs_though_it_was_drawn_ahead(monkeypatch):
    class Ahead:
        """Draw all frames as soon as the first is wanted."""

        clock = 0.0

        def render(self, landmarks, cameras, ids, **_):
            self.clock += 0.5 * len(ids)
            yield from ids

    task, ids = Ahead(), np.arange(100)
    monkeypatch.setattr(evaluate.time, "perf_counter", lambda: task.clock)
    assert seconds_a_frame(task, ids, ids, ids) == 0.5
    assert task.clock == 0.5 * evaluate.TIMED


def test_flicker_is_the_change_against_the_footages(head):
    task, _ = head
    points = task.footage.landmarks_px[0] * 1.0
    rng = np.random.default_rng(1)
    flicker = Flicker()
    for _ in range(12):
        real = rng.integers(90, 110, (64, 64, 3)).astype(np.uint8)
        flicker.see((100 + 3 * (real.astype(int) - 100)).astype(np.uint8), real, points)
    assert flicker.ratio() == pytest.approx(3, rel=0.05)


def test_the_command_writes_its_figures(head, capsys, monkeypatch):
    _, folder = head

    class Blind:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def detect(self, picture):
            return []

    monkeypatch.setattr("tasks.renderer.evaluate.make_detector", lambda name: Blind())
    words = [f"--config={folder / 'config.yaml'}", f"--exp_name={folder}", "--evaluate", "--eval_frames=3"]
    assert run.main(words) == 0
    figures = json.loads((folder / "evaluation" / "metrics.json").read_text())
    assert figures["faces_found"] == 0
    assert 5 < figures["face_psnr"] < 60
    assert 0 <= figures["mouth_sharpness"] < 10
    assert (folder / "evaluation" / "pictures.png").stat().st_size > 1000
    assert "sharpness inside the lips" in capsys.readouterr().out
