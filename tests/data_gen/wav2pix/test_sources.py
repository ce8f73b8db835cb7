"""Pictures and sounds are found and read as their owners laid them out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from data_gen.wav2pix.settings import PairsCommand
from data_gen.wav2pix.sources import face_square, find_sources, read_source
from tests.made_faces import draw_face


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


def test_a_face_at_the_edge_stays_square():
    frame = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    face = face_square(frame, (50, 0, 60, 10))
    assert face.shape[0] == face.shape[1]
