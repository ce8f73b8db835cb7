"""A teacher says the mean of several places; an ear that is taught by it comes nearer to what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen import teach_ear as module
from data_gen.teach_ear import Course, Lesson, Teacher, lesson, sines, sounds
from modules.motion.ear import Ear
from tests.utils.sound.made_room import syllables
from utils.errors import DataError
from utils.media.wav import write_wav


def small() -> Ear:
    torch.manual_seed(0)
    return Ear(32, blocks=2, heads=2, hidden=48, back=20, ahead=3)


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher(small())


@pytest.fixture(scope="module")
def taught(teacher) -> list[Lesson]:
    wav = syllables(45.0)
    return [Lesson(wav.astype(np.float16), teacher.rows(wav).numpy().astype(np.float16))]


def test_sines_are_whisper_s():
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    assert sines(3, 4)[0].tolist() == [0, 0, 1, 1]
    whisper = WhisperEncoder(WhisperConfig(d_model=32, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=8))
    torch.testing.assert_close(sines(1500, 32), whisper.embed_positions.weight, atol=1e-3, rtol=0)


def test_a_teacher_says_the_mean_of_what_a_row_says_at_its_places(teacher):
    wav = syllables(25.0)
    rows = teacher.rows(wav)
    assert rows.shape == (1250, 32)
    sound = torch.from_numpy(wav)[None]
    with torch.inference_mode():
        front = teacher.ear.front(torch.nn.functional.pad(sound, (360, 360)))
        said = []
        for place in (1000, 500, 0):  # where in the half minute the sound begins
            window = teacher.quiet.clone()
            window[:, place : place + 1250] = front[:, : 1500 - place]
            said.append((teacher.heard(window) - teacher.drift)[place + 200])
        torch.testing.assert_close(rows[200], sum(said) / 3, atol=1e-4, rtol=0)


def test_what_silence_says_is_the_same_at_all_places(teacher):
    silence = np.zeros(60 * 16_000, np.float32)
    spread = [rows.unflatten(0, (-1, 50)).mean(dim=1).std(dim=0).mean().item() for rows in
              (teacher.rows(silence), teacher.heard(teacher.quiet))]  # fmt: skip
    assert spread[0] < 0.1 * spread[1]


def test_an_ear_comes_nearer_to_what_it_is_taught(monkeypatch):
    for name, value in (("RATE_OF_LEARNING", 3e-3), ("BEGINNINGS", 4), ("WINDOWS", 2)):
        monkeypatch.setattr(module, name, value)
    other, wav = small(), syllables(30.0)
    with torch.no_grad():
        for block in other.blocks:
            block.down.weight *= 4
        rows = other(torch.nn.functional.pad(torch.from_numpy(wav)[None], (360, 360 + 320 * other.rows_ahead)))[0]
    ear = small()
    course = Course(ear, [Lesson(wav.astype(np.float16), rows.numpy().astype(np.float16))])
    course.begin()
    assert float(ear.blocks[0].nearness.detach().abs().max()) > 0
    front, before = ear.stem.weight.clone(), course.error()
    losses = list(course.learn(40))
    assert len(losses) == 40
    assert sum(losses[-5:]) < sum(losses[:5])
    assert course.error() < 0.9 * before
    assert torch.equal(front, ear.stem.weight)


def test_every_fifteenth_sound_is_held_out(taught):
    course = Course(small(), 16 * taught)
    assert (len(course.train), len(course.held_out)) == (15, 1)


def test_sounds_too_short_and_folders_without_are_refused(tmp_path, teacher):
    with pytest.raises(DataError, match="holds no sound"):
        sounds(tmp_path)
    (tmp_path / "deep").mkdir()
    write_wav(tmp_path / "deep" / "a.wav", syllables(2.0))
    [file] = sounds(tmp_path)
    (tmp_path / "kept").mkdir()
    short = lesson(file, teacher, tmp_path / "kept")
    assert short is not None
    assert (file.name, len(short.rows), len(short.wav)) == ("a.wav", 100, 32_000)
    with pytest.raises(DataError, match="No sound is as long as 9 s"):
        Course(small(), [short])
    write_wav(file, np.zeros(300, np.float32))
    assert lesson(file, teacher, tmp_path / "kept") is None
