"""Faces and sounds become pairs whose classes do not depend on the order of folders."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen import run
from data_gen.wav2pix import run as run_pairs
from data_gen.wav2pix.pairs import FaceVoicePairs
from tests.made_faces import draw_face, make_speakers
from utils.errors import DataError


def test_pairs_can_be_read(speakers, capsys):
    out = speakers.parent / "made"
    assert run.main(["wav2pix", "--pairs", str(speakers), "--out", str(out), "--image_size", "96"]) == 0
    assert "10 pairs to train, 2 to validate, of 2 speakers; 0 skipped" in capsys.readouterr().out
    pairs = FaceVoicePairs(out)
    assert pairs.meta.speakers == ["speaker0", "speaker1"]
    assert pairs.labels("val").tolist() == [0, 1]
    np.testing.assert_array_equal(pairs.faces("val")[1], draw_face(1, 5, 96))
    assert pairs.wavs("train").shape == (10, 16_000)


def test_one_speaker_is_refused(tmp_path):
    make_speakers(tmp_path / "speakers", speakers=1)
    with pytest.raises(DataError, match="give at least two"):
        run.main(["wav2pix", "--pairs", str(tmp_path / "speakers"), "--out", str(tmp_path / "made")])


def test_a_video_that_is_too_short_is_said_to_be_so(speakers, tmp_path, monkeypatch):
    read = run_pairs.read_source
    monkeypatch.setattr(
        run_pairs, "read_source", lambda source, *args: [] if source.picture.stem == "3" else read(source, *args)
    )
    assert run.main(["wav2pix", "--pairs", str(speakers), "--out", str(tmp_path / "made")]) == 0
    reasons = set(FaceVoicePairs(tmp_path / "made").meta.skipped.values())
    assert reasons == {"no whole second has a face and 1 s of sound around it"}
