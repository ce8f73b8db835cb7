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
from tasks.template_to_face.face_space import fit_face_space, principal, ridge
from tests.made_faces import make_faces, make_recogniser
from utils.errors import DataError


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_components_are_those_of_a_singular_value_decomposition(shape):
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mean, directions, amounts, deviations = principal(rows.clone(), torch.ones(len(rows)), 8)
    centred = rows - rows.mean(dim=0)
    sizes = torch.linalg.svdvals(centred)
    kept = min(len(rows) - 1, rows.shape[1])
    torch.testing.assert_close(mean, rows.mean(dim=0))
    torch.testing.assert_close(deviations[:kept], sizes[:kept] / len(rows) ** 0.5, atol=1e-4, rtol=1e-3)
    assert not deviations[kept:].any()
    assert not directions[kept:].any()
    torch.testing.assert_close(amounts @ directions, centred, atol=1e-4, rtol=1e-3)


def test_a_row_that_weighs_nothing_does_not_count():
    rows = torch.randn(9, 20, generator=torch.Generator().manual_seed(0))
    weights = torch.ones(9)
    weights[-1] = 1e-12
    mean, _, _, deviations = principal(rows.clone(), weights, 4)
    alone = principal(rows[:-1].clone(), torch.ones(8), 4)
    torch.testing.assert_close(mean, alone.mean)
    torch.testing.assert_close(deviations, alone.deviations, atol=1e-4, rtol=1e-3)


def test_the_regression_finds_the_line_that_there_is():
    inputs = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    slopes, offset = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([1.0, 2, 3])
    found, level = ridge(inputs, inputs @ slopes + offset, torch.rand(50) + 0.1, 0.0)
    torch.testing.assert_close(found, slopes, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(level, offset, atol=1e-4, rtol=1e-4)
    assert (ridge(inputs, inputs @ slopes, torch.ones(50), 100.0)[0].norm() < 0.5 * slopes.norm()).item()


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
