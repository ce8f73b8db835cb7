"""The decoder begins from the mean face, and no photo's face overwrites another's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.speech_to_face.face_decoder import FaceDecoderConfig, FaceDecoderTask, faces_to_write
from utils.errors import ConfigError


def task(**settings):
    small = {"feature_dim": 4, "width": 0.02, "size": 32}
    return FaceDecoderTask(FaceDecoderConfig(task_cls="face_decoder", **{**small, **settings}))


def test_photos_of_one_name_keep_their_suffix(tmp_path):
    for name in ("anna.jpg", "anna.PNG", "ben.jpg", "notes.txt"):
        (tmp_path / name).touch()
    jobs = {path.name: out for path, out in faces_to_write(tmp_path, Path("out")).items()}
    assert jobs == {
        "anna.PNG": Path("out/anna.PNG.png"), "anna.jpg": Path("out/anna.jpg.png"), "ben.jpg": Path("out/ben.png"),
    }  # fmt: skip


@torch.no_grad()
def test_a_texture_is_warped_there_and_back():
    decoder = task()
    landmarks = decoder.mean_landmarks * torch.tensor([1.05, 1.0])
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32).clone()
    back = decoder.unwarp(decoder.warp(ramp, landmarks), landmarks)
    inside = (slice(None), slice(None), slice(12, 20), slice(12, 20))
    torch.testing.assert_close(back[inside], ramp[inside], atol=0.03, rtol=0)
    torch.testing.assert_close(decoder.warp(ramp, decoder.mean_landmarks)[inside], ramp[inside], atol=0.03, rtol=0)
    assert task(texture="photo").warp(ramp, landmarks) is ramp, "a photo is the picture itself"


def test_a_size_that_does_not_divide_is_refused():
    decoder = task(size=40)
    with pytest.raises(ConfigError, match=r"^size = 40: choose a multiple of 16$"):
        decoder.prepare()


def test_without_a_photo_it_says_how_to_name_one():
    with pytest.raises(ConfigError, match=r"^Say which picture: --infer_image=photo\.jpg$"):
        task().infer()
