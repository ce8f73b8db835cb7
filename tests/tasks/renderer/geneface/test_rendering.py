"""What imported renderers share: landmarks in deviations, windows of frames, speech features, chunks of rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tasks.renderer.geneface.rendering import (
    ImportedRenderer,
    ImportedRendererConfig,
    in_chunks,
    normalised,
    read_speech_windows,
    scaled,
    window_of,
)
from tasks.renderer.geneface.scene import GenefaceScene
from tests.tasks.renderer.geneface.test_scene import made_scene
from utils.errors import ConfigError, DataError


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


class Plain(ImportedRenderer):
    """Show the background, a little of the camera's place, and the first landmark."""

    schema = ImportedRendererConfig

    def frame(self, windows, speech, view):
        picture = view.background.clone()
        picture[0, 0] = view.camera[:3, 3]
        return picture


def renderer(**others) -> Plain:
    return Plain(settings(video_id="May", **others))


def footage(frames: int = 40) -> GenefaceScene:
    """Make a scene whose person nods a little with every part of the face."""
    rng = np.random.default_rng(3)
    scene = made_scene()
    landmarks = scene.landmarks_mean + rng.normal(size=(frames, 68, 3)).astype(np.float32)
    return replace(scene, landmarks=landmarks, cameras=np.tile(scene.cameras[:1], (frames, 1, 1)))


def test_landmarks_are_left_alone_unless_a_setting_asks_for_more():
    landmarks = np.zeros((4, 68, 3), np.float32)
    assert renderer().mended(landmarks, made_scene(), None) is landmarks
    closing = renderer(infer_close_mouth_when_sil=True)
    assert closing.mended(landmarks, made_scene(), None) is landmarks, "nothing is heard"


def test_brows_and_eyes_come_from_the_footage_and_are_not_clamped_again():
    scene = footage()
    task = renderer(infer_inject_eye_blink_mode="gt", infer_lm3d_clamp_std=0.1)
    mended = task.mended(np.full((4, 68, 3), 9, np.float32), scene, None)
    np.testing.assert_allclose(mended[:, 17:48], scene.landmarks[:4, 17:48], atol=1e-5)
    assert np.abs(mended[:, :17] - scene.landmarks_mean[:17]).max() <= 0.1 + 1e-5
    rows = normalised(mended, scene, task.cfg, clamp=not task.cfg.mends).reshape(4, 68, 3)
    np.testing.assert_allclose(rows[:, 17:48] + scene.landmarks_mean[17:48], scene.landmarks[:4, 17:48], atol=1e-5)


def test_points_are_pulled_to_the_persons_own_and_smoothed():
    scene = footage()
    strange = scene.landmarks_mean + np.random.default_rng(1).normal(size=(9, 68, 3)).astype(np.float32)
    own = renderer(infer_lm3d_lle_percent=1.0, infer_lm3d_clamp_std=0, infer_meet_lips=0).mended(strange, scene, None)
    assert np.abs(own[:, :48] - scene.landmarks_mean[:48]).mean() < np.abs(strange - scene.landmarks_mean).mean()
    np.testing.assert_allclose(own[:, 48:60], strange[:, 48:60], atol=1e-5)
    smooth = renderer(infer_lm3d_smooth_sigma=2.0).mended(strange, scene, None)
    assert np.abs(np.diff(smooth[:, :48], axis=0)).mean() < 0.5 * np.abs(np.diff(strange[:, :48], axis=0)).mean()


def test_the_mouth_rests_where_nobody_speaks(tmp_path):
    scene = footage()
    task = renderer(infer_close_mouth_when_sil=True, infer_audio_source_name="x.wav", infer_sil_ref_frame_idx=7)
    closed = task.mended(np.tile(scene.landmarks_mean, (20, 1, 1)), scene, np.zeros(40, np.float32))
    np.testing.assert_allclose(closed[10, 48:60], scene.landmarks[7, 48:60], atol=1e-4)


def test_another_background_and_other_poses_are_shown(tmp_path):
    poses = np.tile(np.eye(4, dtype=np.float32)[:3], (2, 1, 1))
    poses[:, 0, 3] = [0.25, 0.75]
    np.save(tmp_path / "poses.npy", poses)
    task = renderer(infer_bg_img_fname="green", infer_c2w_name=str(tmp_path / "poses.npy"))
    frames = list(task.render(np.zeros((3, 68, 3), np.float32), None, made_scene()))
    assert [tuple(frame[1, 1]) for frame in frames] == [(0, 177, 64)] * 3
    assert [int(frame[0, 0, 0]) for frame in frames] == [64, 191, 64], "forth and back, not smoothed"
    with pytest.raises(ConfigError, match="infer_bg_img_fname = blau: no such picture"):
        list(renderer(infer_bg_img_fname="blau").render(np.zeros((1, 68, 3), np.float32), None, made_scene()))


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
