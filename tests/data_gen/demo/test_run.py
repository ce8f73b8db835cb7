from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_gen.demo import run
from data_gen.demo.texts import TRAINING, normal
from utils.arguments import read_words
from utils.errors import DataError, UserError
from utils.media.video import probe
from utils.media.wav import read_wav


def _arguments(*flags: str) -> run.DemoCommand:
    return read_words(run.DemoCommand, flags, "demo")


def test_the_command_writes_video_unseen_sentence_and_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "videos" / "demo.mp4"
    assert run.main(_arguments("--out", str(out), "--seconds", "3", "--size", "64")) == 0
    told = json.loads(capsys.readouterr().out)
    info = probe(out)
    assert told["frames"] == 75
    assert (info.width, info.height, info.fps) == (64, 64, 25)
    unseen = tmp_path / "val_wavs" / "demo.wav"
    truth = json.loads((tmp_path / "val_wavs" / "demo.truth.json").read_text())
    assert len(read_wav(unseen)) / 16_000 == pytest.approx(truth["seconds"])
    said = normal(" ".join(word for word, _, _ in truth["words"]))
    assert said
    assert not any(said in normal(sentence) or normal(sentence) in said for sentence in TRAINING)
    assert (tmp_path / "videos" / "demo.truth.safetensors").exists()


def test_a_place_that_cannot_be_written_to_is_told_at_once(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be made"):
        run.main(_arguments("--out", str(tmp_path / "file" / "demo.mp4")))


def test_training_sentences_change_with_the_seed_and_fill_the_time():
    assert run.training_sentences(60, 0) == run.training_sentences(60, 0)
    assert run.training_sentences(60, 0) != run.training_sentences(60, 1)
    assert len(run.training_sentences(600, 0)) > 250


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--seconds", "1"), "--seconds 1: choose at least 3, so that a sentence fits."),
        (("--seconds", "inf"), "--seconds inf: input should be a finite number"),
        (("--size", "255"), "--size 255: choose an even number, as video needs."),
        (("--seed", "-1"), "--seed -1: choose 0 or more."),
        (("--out", "."), "--out . is a folder. Name the mp4 to write."),
    ],
)
def test_slips_are_named(flags: tuple[str, ...], message: str):
    with pytest.raises(UserError) as error:
        run.main(_arguments(*flags))
    assert str(error.value) == message
