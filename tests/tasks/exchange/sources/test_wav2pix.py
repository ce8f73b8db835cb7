"""wav2pix's files, through the importer, give the figures of the published networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.wav2pix import Discriminator, Generator
from tests.modules.golden import assert_golden, probe, ruled
from tests.tasks.exchange.foreign import converted, loaded, python2_file, shapes, without_counts
from utils.errors import DataError

GOLDEN = json.loads((Path(__file__).parents[3] / "modules/golden_pictures.json").read_text())


@pytest.mark.parametrize("size", [64, 128])
@torch.no_grad()
def test_generator_and_discriminator(tmp_path, size):
    generator, discriminator = ruled(shapes(lambda: Generator(size))), ruled(shapes(lambda: Discriminator(size)))
    if size == 64:  # as Python 2 and torch 0.4 wrote them
        python2_file(tmp_path / "gen_200.pth", without_counts(generator))
        python2_file(tmp_path / "disc_200.pth", discriminator)
    else:
        torch.save(generator, tmp_path / "gen_200.pth")
        torch.save(discriminator, tmp_path / "disc_200.pth")
    said, run = converted(tmp_path / "gen_200.pth")
    assert said == "wav2pix/generator"
    assert run.recipe["image_size"] == size
    assert run.recipe["audio_normalisation"] == ("integer" if size == 64 else "float")
    assert run.extra["samples"] == 16_000
    made = loaded(lambda: Generator(size), run, "generator.")(probe(2, 16_000))
    golden = GOLDEN[f"generator_{size}"]
    assert_golden(made.images.flip(1), golden["image"])  # published pictures have red and blue exchanged
    assert_golden(made.code, golden["z"])
    assert_golden(made.scores, golden["softmax_scores"])
    judge = loaded(lambda: Discriminator(size), run, "discriminator.")
    scores, features = judge(probe(2, 3, size, size).flip(1), probe(2, 128, 1, 1))
    assert_golden(scores, GOLDEN[f"discriminator_{size}"]["score"])
    assert_golden(features, GOLDEN[f"discriminator_{size}"]["features"])


def test_a_generator_of_another_length_of_sound_comes_without_its_discriminator(tmp_path):
    torch.save(ruled(shapes(lambda: Generator(64, 4, 32_000))), tmp_path / "gen.pth")
    _, run = converted(tmp_path / "gen.pth")
    assert run.extra["samples"] == 32_000
    assert "a new one" in run.preprocessing["discriminator"]
    assert "discriminator.netD_2.weight" in run.state_dict


def test_a_discriminator_alone_is_refused(tmp_path):
    torch.save(ruled(shapes(lambda: Discriminator(64))), tmp_path / "disc_7.pth")
    with pytest.raises(DataError, match=r"import the generator beside it \(gen_7.pth\)"):
        converted(tmp_path / "disc_7.pth")
