"""Faces and sounds become pairs whose classes do not depend on the order of folders."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from data_gen import run
from data_gen.wav2pix.pairs import FaceVoicePairs, hear, middle
from data_gen.wav2pix.settings import PairsCommand
from data_gen.wav2pix.sources import face_square, find_sources, read_source
from tests.made_faces import draw_face, make_speakers
from utils.errors import DataError


@pytest.fixture(scope="module")
def speakers(tmp_path_factory):
    return make_speakers(tmp_path_factory.mktemp("wav2pix") / "speakers")


def test_pairs_can_be_read(speakers, capsys):
    out = speakers.parent / "made"
    assert run.main(["wav2pix", "--pairs", str(speakers), "--out", str(out), "--image_size", "96"]) == 0
    assert "10 pairs to train, 2 to validate, of 2 speakers; 0 skipped" in capsys.readouterr().out
    pairs = FaceVoicePairs(out)
    assert pairs.meta.speakers == ["speaker0", "speaker1"]
    assert pairs.labels("val").tolist() == [0, 1]
    np.testing.assert_array_equal(pairs.faces("val")[1], draw_face(1, 5, 96))
    assert pairs.wavs("train").shape == (10, 16_000)


def test_a_list_of_pairs_and_swapped_colours(speakers):
    with (speakers / "pairs.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["split", "speaker", "image", "wav"])
        rows.writerow(["val", "anna", "speaker1/0.png", "speaker1/0.wav"])
    args = PairsCommand(pairs=Path(), out=Path(), image_size=96, swapped=True)
    (source,) = find_sources(speakers)
    (speakers / "pairs.csv").unlink()
    assert (source.split, source.speaker) == ("val", "anna")
    (pair,) = read_source(source, 16_000, args)
    np.testing.assert_array_equal(pair.face, draw_face(1, 0, 96)[..., ::-1])


def test_what_the_network_hears():
    wav = np.array([[2, -4, 1, 0]], np.int16)
    np.testing.assert_allclose(hear(wav), [[0.5, -1 - 0.475, 0.25 + 0.95, -0.2375]])
    np.testing.assert_allclose(hear(wav, "integer"), [[0, -1, 0.95, 0]])
    with pytest.raises(DataError, match="silent"):
        hear(np.zeros((1, 4), np.int16))


def test_the_middle_of_a_sound():
    assert middle(np.array([0, 0.25, 0.5, 0]), 2).tolist() == [8192, 16384]
    with pytest.raises(DataError, match=r"it lasts 0\.00 s; 1\.00 s are needed"):
        middle(np.zeros(3), 16_000)


def test_a_face_at_the_edge_stays_square():
    frame = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    face = face_square(frame, (50, 0, 60, 10))
    assert face.shape[0] == face.shape[1]


def test_one_speaker_is_refused(tmp_path):
    make_speakers(tmp_path / "speakers", speakers=1)
    with pytest.raises(DataError, match="give at least two"):
        run.main(["wav2pix", "--pairs", str(tmp_path / "speakers"), "--out", str(tmp_path / "made")])
