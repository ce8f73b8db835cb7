"""What faces look like is worked out from photos exactly, and a template gives its own face."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen import run as data_run
from data_gen.templates.shards import TemplateShards
from modules.face_space import COLOURS, FaceSpace
from tasks.template_to_face.data import pictures
from tasks.template_to_face.evaluate import read_crops
from tasks.template_to_face.face_space import fit_face_space
from tests.made_faces import make_faces, make_recogniser
from utils.errors import DataError


def made(folder, people: int, photos: int) -> TemplateShards:
    make_faces(folder / "faces", people=people, photos=photos)
    make_recogniser(folder / "little.onnx")
    words = ["--faces", folder / "faces", "--out", folder / "made", "--recogniser", folder / "little.onnx", "--aligned"]
    data_run.main(["templates", *map(str, words), "--val_identities", "1"])
    return TemplateShards(folder / "made")


def test_a_template_gives_a_face_nearer_to_its_own_photo_than_the_mean(tmp_path):
    shards = made(tmp_path, people=5, photos=3)
    network = FaceSpace(shards.width).eval()
    fit_face_space(network, shards, normalize=True)
    assert 0 < (network.deviations[:COLOURS] > 0).sum() < shards.count("train")
    numbers = np.arange(shards.count("train"))
    templates = torch.nn.functional.normalize(torch.from_numpy(shards.templates("train", numbers)[0]), dim=1)
    photos = pictures(torch.from_numpy(read_crops(shards, "train", numbers)))
    with torch.no_grad():
        own, mean = network(templates), network.picture(torch.zeros(1, len(network.deviations)))
    assert (own - photos).square().mean() < 0.9 * (mean - photos).square().mean()
    assert (own - photos).square().mean() < 0.9 * (own.roll(3, 0) - photos).square().mean()


def test_too_few_photos_are_refused(tmp_path):
    shards = made(tmp_path, people=2, photos=1)
    with pytest.raises(DataError, match=r"has 1 photo\(s\) to learn from: network = face_space wants three"):
        fit_face_space(FaceSpace(shards.width), shards, normalize=True)
