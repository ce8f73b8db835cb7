"""Directions are those that voices follow, and a face drawn of a feature is nearer to its own than the mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen.face_voice.faces import mean_shape
from modules.faces.face_warp import to_normalised
from modules.speech_to_face.face_space import SpaceDecoder, SpaceEncoder
from tasks.speech_to_face.data import FaceSource
from tasks.speech_to_face.face_space import fit_directions, fit_sums
from tasks.speech_to_face.features import FaceFeatures
from tests.made_persons import make_persons
from utils.errors import DataError
from utils.faces.landmarks import MIRROR


def encoder(size: int = 3) -> SpaceEncoder:
    return SpaceEncoder(size, to_normalised(torch.from_numpy(mean_shape()), 224), torch.from_numpy(MIRROR))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_persons(tmp_path_factory.mktemp("space"), 16, seconds=0.5, clips=1, val=0.25)


def features_by(space: SpaceEncoder, data) -> tuple[FaceSource, np.ndarray, np.ndarray]:
    source = FaceSource(data, "val", 64, 64)
    batch = source.whole(100)[0]
    width = batch.landmarks[:, 16, 0] - batch.landmarks[:, 0, 0]
    return source, space(batch.images, batch.landmarks).numpy(), width.numpy()


@pytest.mark.parametrize("voices", [True, False])
def test_what_voices_follow_or_persons_differ_in_is_found(data, voices, tmp_path):
    if not voices:
        data = make_persons(tmp_path, 16, clips=0, val=0.25)
    space = encoder()
    sure = fit_directions(space, data)
    assert sure[0] > 0.9, "the build alone makes faces and voices"
    _, features, width = features_by(space, data)
    assert abs(np.corrcoef(features[:, 0], width)[0, 1]) > 0.9, "of persons who were left out, too"


def test_a_face_is_drawn_of_its_feature(data):
    space = encoder()
    fit_directions(space, data)
    rows = {}
    for split in ("train", "val"):
        source = FaceSource(data, split, 1, 224)
        for entry in source.entries:
            batch = source.read([(entry, face) for face in range(2)])
            rows[entry] = space(batch.images, batch.landmarks).numpy()
    features = FaceFeatures(rows)
    decoder = SpaceDecoder(3, size=32)
    fit_sums(decoder, FaceSource(data, "train", 4, 32, features=features), lambda images, landmarks: images)
    batch = FaceSource(data, "val", 64, 32, features=features).whole(100)[0]
    with torch.no_grad():
        own, mean = decoder(batch.feature), decoder(torch.zeros_like(batch.feature))
    for name, true in (("texture", batch.images), ("landmarks", batch.landmarks)):
        off = [(getattr(face, name) - true).square().mean() for face in (own, mean)]
        assert off[0] < 0.8 * off[1], name


def test_too_few_persons_are_refused(tmp_path):
    few = make_persons(tmp_path, 3, seconds=0.5, clips=1, val=0.4)
    with pytest.raises(DataError, match=r"has 2 person\(s\) to learn from: network = face_space wants three\.$"):
        fit_directions(encoder(), few)
