"""The maker of speech cuts, resumes, splits, and lists what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen import run
from data_gen.speech.dataset import SpeechDataset
from data_gen.speech.run import at_speed, pieces_of
from tests.made import write_tone
from tests.utils.sound.made_room import syllables
from utils.errors import ConfigError, DataError
from utils.sound.features import mel


@pytest.fixture
def sounds(tmp_path):
    """Lay out four sounds: two spoken, one silent, one that is no sound."""
    folder = tmp_path / "sounds"
    (folder / "anna").mkdir(parents=True)
    write_tone(folder / "anna/1.wav", 0.3 * syllables(2.0))
    write_tone(folder / "anna/2.wav", 0.1 * syllables(3.0))
    write_tone(folder / "quiet.wav", np.zeros(32_000))
    (folder / "text.mp3").write_text("no sound")
    return folder


def make(sounds, out, *more):
    return run.main(["speech", "--sounds", str(sounds), "--out", str(out), "--teacher", "mel", *more])


def test_sounds_are_heard_at_every_speed_and_the_rest_is_listed(tmp_path, sounds, capsys):
    assert make(sounds, tmp_path / "out", "--speeds", "1", "1.25", "--val", "0.3", "--licence", "CC0") == 0
    said = capsys.readouterr().out
    assert "skipped quiet.wav: nobody speaks in it" in said
    assert "skipped text.mp3:" in said
    data = SpeechDataset(tmp_path / "out")
    assert sorted((p.sound, p.speed, p.rows) for p in data.index.pieces) == [
        ("anna/1.wav", 1.0, 100), ("anna/1.wav", 1.25, 80), ("anna/2.wav", 1.0, 150), ("anna/2.wav", 1.25, 120),
    ]  # fmt: skip
    assert data.index.licence == "CC0"
    splits = {p.sound: p.split for p in data.index.pieces}
    piece = next(p for p in data.index.pieces if p.rows == 150)
    window = data.window(piece, 20, 100)
    heard, again = window.rows[10:90], mel(window.wav)[10:90]
    np.testing.assert_allclose(heard[heard > -3], again[heard > -3], atol=0.02)
    assert window.sound == "anna/2.wav"
    trained = [p for p in data.index.pieces if splits[p.sound] == "train"]
    rows = np.concatenate([data.window(p, 0, p.rows).rows for p in trained])
    np.testing.assert_allclose(data.index.mean, rows.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(data.index.std, rows.std(axis=0), atol=0.01)


def test_it_keeps_what_it_made_and_makes_again_what_changed(tmp_path, sounds):
    make(sounds, tmp_path / "out", "--per_shard", "1")
    shards = sorted((tmp_path / "out").glob("*.safetensors"))
    stamps = [file.stat().st_mtime_ns for file in shards]
    write_tone(sounds / "anna/2.wav", 0.1 * syllables(2.5))
    make(sounds, tmp_path / "out", "--per_shard", "1")
    again = [file.stat().st_mtime_ns for file in shards]
    assert [a == b for a, b in zip(stamps, again, strict=True)] == [True, False, True, True]


def test_nothing_to_hear_is_one_line(tmp_path, sounds):
    (sounds / "anna/1.wav").unlink()
    (sounds / "anna/2.wav").unlink()
    with pytest.raises(DataError, match="no sound to train on could be used"):
        make(sounds, tmp_path / "out")
    for file in sounds.glob("*.*"):
        file.unlink()
    with pytest.raises(DataError, match="No sound under"):
        make(sounds, tmp_path / "out2")
    with pytest.raises((ConfigError, DataError)):
        make(sounds, sounds)


def test_faster_is_shorter_and_higher():
    wav = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000).astype(np.float32)
    fast = at_speed(wav, 1.25)
    assert len(fast) == 12_800
    assert np.abs(np.fft.rfft(fast)).argmax() * 16_000 / len(fast) == pytest.approx(250, abs=2)
    assert at_speed(wav, 1.0) is wav


def test_pieces_are_whole_rows_and_short_ends_are_left_out():
    sizes = [len(piece) // 320 for piece in pieces_of(np.zeros(1500 * 320 + 60 * 320 + 5, np.float32))]
    assert sizes == [1500, 62]
    assert [len(p) // 320 for p in pieces_of(np.zeros(1540 * 320, np.float32))] == [1500]
