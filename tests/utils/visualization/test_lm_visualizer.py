from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.made import write_tone
from tests.patience import HANG_S
from utils.errors import DataError, UserError
from utils.media.video import probe, read_frames
from utils.visualization.lm_visualizer import read_landmarks, visualize

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.normal(size=(1, 10, 204)).astype(np.float32))
    np.save(tmp_path / "b.npy", rng.normal(size=(8, 68, 3)).astype(np.float32))
    write_tone(tmp_path / "voice.wav", np.sin(np.arange(6400) / 20))
    return tmp_path


def test_two_files_stand_side_by_side_with_sound_in_a_new_folder(files):
    out = visualize(
        [str(files / "a.npy"), str(files / "b.npy")], str(files / "voice.wav"), str(files / "new/folder"), size=64
    )
    assert out == files / "new/folder/3d_landmark.mp4"
    info = probe(out)
    assert (info.width, info.fps, info.has_audio) == (132, 25.0, True)
    assert len(list(read_frames(out))) == 10


def test_it_runs_as_a_script_from_any_folder(files):
    script = ROOT / "utils/visualization/lm_visualizer.py"
    run = subprocess.run(
        [sys.executable, str(script), "--npy_name", "a.npy", "--audio_name", "", "--out_path", "x.mp4", "--size", "64"],
        cwd=files,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "x.mp4\n", "")
    assert not probe(files / "x.mp4").has_audio


def test_what_is_missing_is_said_with_its_remedy(files):
    with pytest.raises(DataError, match=r"No landmarks at no.npy. Make them with: bash scripts/infer_postnet.sh"):
        read_landmarks("no.npy")
    (files / "broken.npy").write_bytes(b"not numpy")
    with pytest.raises(DataError, match=r"broken\.npy holds no landmarks .*it is not an \.npy file"):
        read_landmarks(files / "broken.npy")
    np.savez(files / "several.npz", np.zeros((3, 204)))
    with pytest.raises(DataError, match=r"several\.npz"):
        read_landmarks(files / "several.npz")
    np.save(files / "wrong.npy", np.zeros((3, 5)))
    with pytest.raises(DataError, match=r"landmarks of shape \(3, 5\)"):
        read_landmarks(files / "wrong.npy")
    with pytest.raises(DataError, match=r"No sound at nowhere\.wav"):
        visualize([str(files / "a.npy")], "nowhere.wav", str(files / "x.mp4"))
    with pytest.raises(UserError, match="1 files but 2 labels"):
        visualize([str(files / "a.npy")], "", str(files / "x.mp4"), labels=["a", "b"])
    assert not (files / "x.mp4").exists()
