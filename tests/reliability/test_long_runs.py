"""Long runs: memory stays where it was, and so does the pace. `long_runs.py` beside this file does them.

The short versions are in the normal suite; those marked slow are the promise itself and write their figures to
$VIZEME_FIGURES (a folder), or to pytest's own:

    VIZEME_FIGURES=figures .venv/bin/python -m pytest tests/reliability/test_long_runs.py -m slow
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_gen.speech_features import audio_features
from tests.reliability import long_runs
from utils.rates import RATE

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


def measure(tmp_path: Path, *words: str, timeout: float) -> dict[str, Any]:
    """Run one of the long runs in a process of its own and return its figures."""
    folder = Path(os.environ.get("VIZEME_FIGURES") or tmp_path).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{'_'.join(words).replace('--', '')}.json"
    command = [sys.executable, "-m", "tests.reliability.long_runs", *words, "--out", str(out)]
    if words[0] != "features":
        command += ["--folder", str(tmp_path / "work")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(out.read_text())


def test_a_speech_of_six_seconds_takes_the_memory_of_its_first_seconds(tmp_path):
    found = long_runs.speech(0.1, tmp_path, size=32)
    assert found["frames"] == 150
    assert found["grown_mb"] < 10
    assert found["highest"] < 1.05


def test_sixty_updates_do_not_grow(tmp_path):
    found = long_runs.training(60, tmp_path)
    assert found["grown_mb"] < 40  # buffers of the first validation are still being made
    assert (tmp_path / "run/last.ckpt").is_file()


def test_a_sound_in_memory_is_not_read_into_memory_again_by_what_is_spoken(tmp_path):
    """A mapped sound would count as memory as it is read: what is read stays with the process."""
    from tasks.speaking.sound import Sound
    from tests.reliability.long_runs import resident_mb, write_speech

    with Sound(write_speech(tmp_path / "a.wav", 4)) as sound:  # 15 MB as numbers
        sound.read(0, 10)
        before = resident_mb()
        for start in range(0, sound.frames, 50):
            sound.read(start, start + 50)
        assert resident_mb() - before < 5


def test_the_rows_of_a_long_sound_are_made_in_blocks(monkeypatch):
    """What a feature needs besides the sound and its rows does not grow with the sound."""
    import tracemalloc

    from utils.sound import features as audio

    def need(name: str, seconds: int) -> float:
        wav = np.random.default_rng(0).normal(0, 0.1, seconds * RATE).astype(np.float32)
        audio_features(wav[:RATE], name)
        tracemalloc.start()
        rows = audio_features(wav, name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return (peak - rows.nbytes) / wav.nbytes

    monkeypatch.setattr(audio, "_BLOCK_ROWS", 256)
    for name, most in (("rms", 1), ("mel", 4), ("mfcc", 8), ("pitch_hz", 8)):
        assert need(name, 40) < most, name


@pytest.mark.slow
def test_half_an_hour_is_spoken_with_flat_memory(tmp_path):
    found = measure(tmp_path, "speech", "--minutes", "30", timeout=4 * 3600)
    assert found["frames"] == 45_000
    assert found["highest"] <= 1.05
    assert found["lowest"] >= 0.95


@pytest.mark.slow
def test_twenty_thousand_updates_neither_grow_nor_slow_down(tmp_path):
    found = measure(tmp_path, "training", "--updates", "20000", timeout=4 * 3600)
    assert 0.95 <= found["memory_ratio"] <= 1.05
    assert found["time_ratio"] <= 1.15  # processor seconds: what else the machine does counts a little even so


@pytest.mark.slow
def test_the_features_of_an_hour_take_a_bounded_multiple_of_its_memory(tmp_path):
    found = measure(tmp_path, "features", "--minutes", "60", timeout=4 * 3600)
    for name in ("rms", "mel", "pitch_hz", "mfcc"):
        assert found[name]["rows"] == 180_000
        assert found[name]["peak_mb"] - found["before_mb"] < 6 * found["sound_mb"]
