"""A small ear comes to hear what its teacher hears, and ends up as a feature."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen.speech.writer import HeardPiece, SpeechWriter
from data_gen.speech_features import audio_features
from modules.motion.ear import Ear
from tasks.core.loading import load_task
from tasks.exchange.model_card import write_safetensors
from tasks.motion.ear import EarSource, EarTask
from tasks.motion.ear_config import EarConfig
from tasks.run import main
from tests.tasks.promises import draws_pictures_and_curves, trains_saves_loads_and_goes_on_exactly
from tests.utils.sound.made_room import syllables
from utils.errors import DataError
from utils.sound.features import mel

SMALL = {"channels": 12, "kernel": 3, "rows_ahead": [1, 1], "expansion": 2, "window_rows": 40, "batch_size": 4}


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Lay out three sounds, and as what the teacher hears a 512 wide mixture of their mel bands."""
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(80, 512)).astype(np.float32)
    pieces = []
    for number, seconds in enumerate((4.0, 3.0, 4.0)):
        wav = (syllables(seconds) * 0.3 + 0.002 * rng.normal(size=int(16_000 * seconds))).astype(np.float32)
        pieces.append(HeardPiece(f"{number}.wav", 1.0, "val" if number == 2 else "train", wav, mel(wav) @ mixed))
    writer = SpeechWriter(folder / "speech", "mel")
    writer.write(0, pieces, recipe="", skipped={})
    writer.finish(1)
    return folder / "speech"


def test_a_batch_is_sound_and_what_was_heard_in_its_middle(speech):
    task = EarTask(EarConfig(task_cls="ear", binary_data_dir=str(speech), **SMALL))
    task.prepare()
    source = EarSource(task.data(), task.model, task.cfg)
    batch = source.batch(np.random.default_rng(3))
    heard, wanted = task.eval().hear(batch)
    assert heard.shape == wanted.shape == (4, 40, 512)
    # the window's own place: a plain mel of the batch's sound, rows before and spare samples left out, is what it says
    before = task.model.rows_before
    wav = batch.wav[0, 440 + 320 * before :].numpy()
    again = mel(wav)[1:39]
    whole = task.data()
    piece = next(p for p in whole.index.pieces if p.sound == source.names()[0])
    rows = whole.window(piece, 0, piece.rows)
    place = [np.abs(rows.rows[s : s + 38] - batch.rows[0, 1:39].numpy()).max() for s in range(piece.rows - 38)]
    start = int(np.argmin(place))
    np.testing.assert_allclose(mel(rows.wav)[start : start + 38][again > -3], again[again > -3], atol=0.02)


@pytest.fixture(scope="module")
def words(speech):
    """Return the command that trains a small ear for four updates into a folder beside the speech."""

    def of(name: str) -> list[str]:
        return [
            "--config=egs/datasets/speech/ear.yaml", f"--exp_name={speech.parent / name}",
            f"--binary_data_dir={speech}", *(f"--{setting}={value}" for setting, value in SMALL.items()),
            "--max_updates=4", "--val_check_interval=2", "--warmup_updates=2",
        ]  # fmt: skip

    return of


def test_an_ear_goes_on_exactly_and_shows_what_it_hears(speech, words):
    trains_saves_loads_and_goes_on_exactly(words, speech.parent / "ear")
    draws_pictures_and_curves(speech.parent / "ear")


def test_an_ear_comes_to_hear_what_its_teacher_hears_and_becomes_a_feature(speech, words, tmp_path):
    assert main([*words("learnt"), "--max_updates=60", "--val_check_interval=60", "--lr=0.01"]) == 0
    task = load_task(str(speech.parent / "learnt"), "last")
    assert float(task.metrics(task.val_source()[0])["likeness"]) > 0.5
    written = write_safetensors(
        speech.parent / "learnt/last.ckpt", tmp_path / "mine.safetensors", raw=False, said=("CC0", ""), half=True
    )
    assert written[0].stat().st_size < 2.5 * sum(p.numel() for p in task.parameters()) + 20_000
    wav = syllables(1.0)
    heard = audio_features(wav, f"ear@{written[0]}")
    with torch.inference_mode():
        expected = task.model(torch.from_numpy(wav[None]))[0].numpy()
    np.testing.assert_allclose(heard, expected, atol=0.05)


def test_the_sound_is_disturbed_in_training_only(speech):
    task = EarTask(EarConfig(task_cls="ear", binary_data_dir=str(speech), **SMALL))
    batch = EarSource(task.data(), task.model, task.cfg).batch(np.random.default_rng(0))
    torch.manual_seed(0)
    assert float((task.train().hear(batch)[0] - task.eval().hear(batch)[0]).abs().max()) > 1e-3
    torch.testing.assert_close(task.eval().hear(batch), task.eval().hear(batch))


def test_speech_that_is_too_short_is_said(speech):
    cfg = EarConfig(task_cls="ear", binary_data_dir=str(speech), **{**SMALL, "window_rows": 400})
    with pytest.raises(DataError, match="no train sound of"):
        EarSource(EarTask(cfg).data(), Ear(12, kernel=3, ahead=[1, 1], expansion=2), cfg)
