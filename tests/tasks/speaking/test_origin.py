"""Landmarks and the sound that they were made of stay together."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.origin import note_of, note_sound, refuse_other_sound
from utils.errors import DataError


def test_a_new_sound_under_an_old_name_is_noticed(tmp_path):
    sound, landmarks = tmp_path / "voice.wav", tmp_path / "voice.npy"
    sound.write_bytes(b"one")
    np.save(landmarks, np.zeros((1, 4, 204), np.float32))
    refuse_other_sound(landmarks, sound)  # another program's
    note_sound(landmarks, sound)
    refuse_other_sound(landmarks, sound)
    (tmp_path / "copy.wav").write_bytes(b"one")
    refuse_other_sound(landmarks, tmp_path / "copy.wav")
    sound.write_bytes(b"two")
    with pytest.raises(DataError, match=r"voice.npy was made of another sound than .*voice.wav is now"):
        refuse_other_sound(landmarks, sound)
    np.save(landmarks, np.ones((1, 4, 204), np.float32))  # one's own, in the place of ours
    refuse_other_sound(landmarks, sound)
    for note in ("[]", "{}"):
        note_of(landmarks).write_text(note)
        refuse_other_sound(landmarks, sound)


def test_a_file_that_is_no_note_is_neither_written_over_nor_in_the_way(tmp_path, caplog):
    sound, landmarks = tmp_path / "voice.wav", tmp_path / "voice.npy"
    sound.write_bytes(b"one")
    np.save(landmarks, np.zeros((1, 4, 204), np.float32))
    for text in ("my notes", '{"microphone": "left"}'):
        note_of(landmarks).write_text(text)
        note_sound(landmarks, sound)
        assert note_of(landmarks).read_text() == text
        refuse_other_sound(landmarks, sound)
    assert "voice.sound.json is there and is no note of ours" in caplog.text
