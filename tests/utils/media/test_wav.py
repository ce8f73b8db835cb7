"""Sound comes back as it was written, whole or in part."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from tests.utils.sound.test_features import tone
from utils.errors import DataError
from utils.media.wav import read_wav, write_wav


def test_sound_comes_back_and_is_resampled(tmp_path):
    wav = tone(0.5)
    write_wav(tmp_path / "a b.wav", wav)
    np.testing.assert_allclose(read_wav(tmp_path / "a b.wav"), wav, atol=1e-4)
    assert len(read_wav(tmp_path / "a b.wav", rate=8000)) == len(wav) // 2


def test_sound_that_is_none_is_said(tmp_path):
    write_wav(tmp_path / "none.wav", np.zeros(0, np.float32))
    (tmp_path / "empty.wav").write_bytes(b"")
    for name, reason in (("gone.wav", "does not exist"), ("empty.wav", "is empty"), ("none.wav", "holds no sound")):
        with pytest.raises(DataError, match=reason):
            read_wav(tmp_path / name)


def test_a_part_of_a_file_is_that_part_of_the_whole(tmp_path):
    wav = np.random.default_rng(0).normal(0, 0.1, 5 * 16_000).astype(np.float32)
    write_wav(tmp_path / "a.wav", wav)
    part = read_wav(tmp_path / "a.wav", start_s=3.2, seconds=1.0)
    np.testing.assert_allclose(part, wav[51_200:67_200], atol=1e-4)
    late = read_wav(tmp_path / "a.wav", start_s=4.5, seconds=1.0)
    np.testing.assert_allclose(late[:8000], wav[72_000:], atol=1e-4)
    assert not late[8000:].any()
    with pytest.raises(DataError, match=r"holds no sound after 7 s"):
        read_wav(tmp_path / "a.wav", start_s=7.0, seconds=1.0)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_sound_that_cannot_be_written_leaves_no_traceback_behind(tmp_path, monkeypatch):
    def refuse(*words, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("wave.builtins.open", refuse)
    with pytest.raises(PermissionError):
        write_wav(tmp_path / "a.wav", np.zeros(10, np.float32))
    gc.collect()
