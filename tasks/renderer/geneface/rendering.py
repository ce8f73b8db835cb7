"""What imported renderers share: they are used, not trained; landmarks in, video out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_gen.origins import marks_of
from tasks.core.task import Task
from tasks.renderer.geneface.config import ImportedRendererConfig
from tasks.renderer.geneface.scene import FILE, GenefaceScene, open_scene
from tasks.speaking.backdrop import read_background
from tasks.speaking.frames import need, write_frames
from tasks.speaking.head_pose import read_poses
from tasks.speaking.mend import clamp_reach, post_process
from tasks.speaking.origin import refuse_other_sound
from tasks.speaking.sound import Sound
from utils.arrays import Bytes, Floats
from utils.camera import loop_indices, smooth_camera
from utils.errors import ConfigError, DataError
from utils.files.arrays import load_array
from utils.media.pictures import cover, fitted
from utils.visualization.lm_visualizer import read_landmarks

if TYPE_CHECKING:
    from tasks.core.config import BatchSource


class ImportedRenderer(Task):
    """Render with imported weights; a subclass renders one frame."""

    cfg: ImportedRendererConfig
    landmark_driven = True
    """Whether the head follows landmarks, else the speech."""

    def train_source(self) -> BatchSource:
        """Refuse.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"{self.cfg.task_cls} is imported for rendering and cannot be trained here. Train a head of your own: "
            "python tasks/run.py --config=egs/datasets/videos/person/lm3d_nerf.yaml"
        )

    def prepare(self) -> None:
        """Refuse to train or validate, before anything is written."""
        self.train_source()

    def scene(self) -> GenefaceScene:
        """Open what the renderer must know of the footage.

        Raises:
            DataError: It was not imported.
            ConfigError: No video is named.
        """
        if not self.cfg.video_id:
            raise ConfigError(
                "video_id is empty: say whose cameras and background are wanted, for example --video_id May"
            )
        return open_scene(self._scene_file())

    def _scene_file(self) -> Path:
        return Path(self.cfg.binary_data_dir) / self.cfg.video_id / FILE

    def frame(self, windows: Tensor, speech: Tensor | None, view: View) -> Tensor:
        """Render one frame, (H, W, 3) in [0, 1].

        Args:
            windows: (smooth, 1, 204) normalised landmarks, or (smooth, window, channels) of speech.
            speech: (8, window, channels) for a part that hears the sound; None when none was given.
            view: Camera and background.
        """
        raise NotImplementedError

    def mended(self, landmarks: Floats, scene: GenefaceScene, rms: Floats | None) -> Floats:
        """Mend landmarks (T, 68, 3) as heads trained here have them mended; as they are when no setting asks for it.

        Args:
            rms: (2T,) loudness of the sound's voice, 50 rows a second; None when nothing is heard.
        """
        cfg = self.cfg
        if not cfg.mends:
            return landmarks
        person = scene.person(cfg.infer_sil_ref_frame_idx, self._scene_file())
        shown = loop_indices(len(landmarks), len(scene.landmarks))
        return post_process(landmarks, person, shown, rms, cfg, cfg.seed)

    @torch.inference_mode()
    def render(self, landmarks: Floats | None, speech: Floats | None, scene: GenefaceScene) -> Iterator[Bytes]:
        """Render frames one after the other.

        Args:
            landmarks: (T, 68, 3) tenths of an eye distance, as `mended` gives them; None for a head that follows the
                speech.
            speech: (T, window, channels) features, or None.
            scene: Cameras and background.

        Yields:
            (H, W, 3) uint8 RGB.
        """
        cfg, device = self.cfg, self.device
        rows = normalised(landmarks, scene, cfg, clamp=not cfg.mends)[:, None] if landmarks is not None else speech
        assert rows is not None
        cameras = read_poses(cfg.infer_c2w_name) if cfg.infer_c2w_name else scene.cameras
        if cfg.infer_smooth_camera_path and not cfg.infer_c2w_name:
            cameras = smooth_camera(cameras, cfg.infer_smooth_camera_path_kernel_size)
        frame_ids = loop_indices(len(rows), len(cameras))
        other = read_background(cfg.infer_bg_img_fname)
        whole = scene.background if other is None else cover(other, *scene.background.shape[:2])
        background = scaled(whole, cfg.infer_scale_factor)
        behind = torch.from_numpy(background).to(device).float() / 255
        focal = scene.focal * behind.shape[0] / scene.background.shape[0]
        first = torch.from_numpy(scene.cameras[0]).to(device)
        for index in range(len(rows)):
            windows = window_of(rows, index, cfg.smo_win_size, edge=landmarks is not None).to(device)
            heard = None if speech is None else window_of(speech, index, 8, edge=False).to(device)
            camera = torch.from_numpy(cameras[frame_ids[index]]).to(device)
            picture = self.frame(windows, heard, View(camera, first, behind, focal))
            yield (picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu().numpy()

    def infer(self) -> None:
        """Write `infer_out_video_name` from landmarks or speech features, and the sound."""
        cfg = self.cfg
        wanted = ["infer_cond_name"] if self.landmark_driven else []
        wanted += ["infer_speech_name"] if self.needs_speech() else []
        need(cfg, *wanted, "infer_out_video_name")
        landmarks, speech = self._read_conditions()
        total = min(len(rows) for rows in (landmarks, speech) if rows is not None)
        landmarks, speech = (None if rows is None else rows[:total] for rows in (landmarks, speech))
        scene = self.scene()
        if landmarks is not None:
            landmarks = self.mended(landmarks, scene, self._loudness())
        frames = self.render(landmarks, speech, scene)
        out = Path(cfg.infer_out_video_name).with_suffix(".mp4")
        print(write_frames(frames, out, cfg.infer_audio_source_name, total, marks=marks_of(self, "film")))

    def needs_speech(self) -> bool:
        """Tell whether a part hears the sound."""
        return not self.landmark_driven

    def speech_shape(self) -> tuple[int, int]:
        """Return (window, channels) of the speech features wanted."""
        return (16, 29)

    def _loudness(self) -> Floats | None:
        """Return how loud the sound is, when the mouth is to be closed in its silences."""
        if not (self.cfg.infer_close_mouth_when_sil and self.cfg.infer_audio_source_name):
            return None
        with Sound(self.cfg.infer_audio_source_name) as sound:
            return sound.rms()

    def _read_conditions(self) -> tuple[Floats | None, Floats | None]:
        landmarks = read_landmarks(self.cfg.infer_cond_name).astype(np.float32) if self.landmark_driven else None
        if landmarks is not None and self.cfg.infer_audio_source_name:
            refuse_other_sound(self.cfg.infer_cond_name, self.cfg.infer_audio_source_name)
        speech = read_speech_windows(self.cfg.infer_speech_name, self.speech_shape()) if self.needs_speech() else None
        return landmarks, speech


class View(NamedTuple):
    """Where a frame is seen from, and what is behind it.

    camera: (4, 4) of the frame. first: (4, 4) of the first frame of the footage. background: (H, W, 3) in [0, 1].
    focal: pixels of that picture.
    """

    camera: Tensor
    first: Tensor
    background: Tensor
    focal: float


def normalised(
    landmarks: Floats, scene: GenefaceScene, cfg: ImportedRendererConfig, *, clamp: bool = True
) -> Floats:
    """Return (T, 204) landmarks in standard deviations of the person, clamped and smoothed as the settings say.

    Args:
        clamp: False for landmarks that were clamped when they were mended: eyes of the footage come after that.
    """
    values = (landmarks - scene.landmarks_mean) / scene.landmarks_std
    if clamp and cfg.infer_lm3d_clamp_std:
        reach = clamp_reach(cfg.infer_lm3d_clamp_std)
        values = np.clip(values, -reach, reach)
    if cfg.infer_lm3d_ema:
        values = values.copy()
        for index in range(1, len(values)):
            values[index] = cfg.infer_lm3d_ema * values[index - 1] + (1 - cfg.infer_lm3d_ema) * values[index]
    return np.asarray(values.reshape(len(values), 204), np.float32)


def window_of(rows: Floats, index: int, size: int, *, edge: bool) -> Tensor:
    """Cut the frames `index - size // 2` onwards out of (T, ...); beyond the ends the last one repeats, or zeros."""
    places = np.arange(size) + index - size // 2
    cut = np.array(rows[places.clip(0, len(rows) - 1)])
    if not edge:
        cut[(places < 0) | (places >= len(rows))] = 0
    return torch.from_numpy(cut)


def read_speech_windows(path: str, shape: tuple[int, int]) -> Floats:
    """Read speech features (T, window, channels) of GeneFace.

    Raises:
        DataError: There are none, or of another shape.
    """
    if not Path(path).is_file():
        raise DataError(f"No speech features at {path} (infer_speech_name).")
    values = load_array(path, "speech features")
    if values.ndim != 3 or values.shape[1:] != shape or not len(values):
        raise DataError(f"{path} has shape {values.shape}: this network wants [T, {shape[0]}, {shape[1]}].")
    return values


def scaled(picture: Bytes, scale: float) -> Bytes:
    """Bring a picture (H, W, 3) to a size relative to its own, at least one pixel a side."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return np.ascontiguousarray(fitted(picture, height, width))


def in_chunks(count: int, size: int, make: Any) -> Tensor:
    """Call `make(part)`, (n, ...), for slices of `size` out of `count` and join what it returns: (count, ...)."""
    return torch.cat([make(slice(start, start + size)) for start in range(0, count, size)])
