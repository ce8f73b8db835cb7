"""What imported renderers share: landmarks in deviations, windows of frames, speech features, chunks of rays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.renderer.geneface.rendering import (
    ImportedRendererConfig,
    in_chunks,
    normalised,
    read_speech_windows,
    scaled,
    window_of,
)
from tests.tasks.renderer.geneface.test_scene import made_scene
from utils.errors import DataError


def settings(**others) -> ImportedRendererConfig:
    return ImportedRendererConfig(task_cls="geneface_nerf", **others)


def test_landmarks_are_deviations_clamped_and_smoothed_as_the_settings_say():
    scene = made_scene()
    landmarks = np.stack([scene.landmarks_mean, scene.landmarks_mean + 100]).astype(np.float32)
    plain = normalised(landmarks, scene, settings(infer_lm3d_clamp_std=0))
    np.testing.assert_allclose(plain, np.repeat([[0.0], [100.0]], 204, axis=1), atol=1e-4)
    clamped = normalised(landmarks, scene, settings()).reshape(2, 68, 3)
    assert clamped[1].max() == 2.5
    assert clamped[1, 17, 0] == 1.25  # a brow moves half as far in the picture plane
    smooth = normalised(landmarks, scene, settings(infer_lm3d_clamp_std=0, infer_lm3d_ema=0.2))
    np.testing.assert_allclose(smooth[1], 80, atol=1e-3)


def test_windows_repeat_the_last_frame_or_end_in_zeros():
    rows = np.arange(1, 6, dtype=np.float32)[:, None]
    assert window_of(rows, 0, 4, edge=True)[:, 0].tolist() == [1, 1, 1, 2]
    assert window_of(rows, 0, 4, edge=False)[:, 0].tolist() == [0, 0, 1, 2]
    assert window_of(rows, 4, 4, edge=True)[:, 0].tolist() == [3, 4, 5, 5]


def test_speech_features_of_another_shape_are_refused(tmp_path):
    path = str(tmp_path / "speech.npy")
    with pytest.raises(DataError) as error:
        read_speech_windows(path, (16, 29))
    assert str(error.value) == f"No speech features at {path} (infer_speech_name)."
    np.save(path, np.zeros((7, 16, 44), np.float32))
    with pytest.raises(DataError) as error:
        read_speech_windows(path, (16, 29))
    assert str(error.value) == f"{path} has shape (7, 16, 44): this network wants [T, 16, 29]."
    assert read_speech_windows(path, (16, 44)).shape == (7, 16, 44)


def test_chunks_join_to_the_whole_and_a_scale_is_of_the_pictures_own_size():
    rays = torch.arange(10)
    assert torch.equal(in_chunks(10, 4, lambda part: 2 * rays[part]), 2 * rays)
    assert scaled(np.zeros((6, 8, 3), np.uint8), 0.5).shape == (3, 4, 3)
    assert scaled(np.zeros((6, 8, 3), np.uint8), 0.01).shape == (1, 1, 3)
