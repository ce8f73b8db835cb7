"""Settings of GeneFace's renderers with imported weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.core.config import TaskConfig
from tasks.speaking.settings import PostSettings
from utils.config.schema import Config, Count, Fraction, Positive, Weight
from utils.media.marks.settings import MarkSettings


class NoWeights(Config):
    """An imported renderer is not trained here: it has no losses."""


class ImportedRendererConfig(TaskConfig, PostSettings, MarkSettings):
    """Settings that imported renderers share; GeneFace's names where the meaning is the same."""

    video_id: str = ""
    """Whose renderer this is: a folder under `binary_data_dir`."""
    binary_data_dir: str = "data/binary/videos"
    """Where GeneFace's `trainval_dataset.npy` was imported, in `<video_id>/`."""
    smo_win_size: Annotated[int, Field(ge=1, le=25)] = 5
    """Frames that the attention smooths over."""
    with_att: bool = True
    """Use the attention; GeneFace does not in the first 200,000 updates of a head."""
    weights: NoWeights = NoWeights()
    """There are no losses."""
    infer_audio_source_name: str = ""
    """The sound that is laid under the video; empty for none."""
    infer_cond_name: str = ""
    """Landmarks to render, [1, T, 204] or [T, 68, 3] .npy, as infer_postnet.sh writes them."""
    infer_out_video_name: str = ""
    """Where the video goes (.mp4)."""
    infer_speech_name: str = ""
    """Features of the sound for a part that hears it, [T, window, channels] .npy made with GeneFace: DeepSpeech for
    the torso of lm3d_nerf_torso and for adnerf, the Esperanto wav2vec for radnerf."""
    infer_bg_img_fname: str = ""
    """What is seen behind the person: the dataset's background when empty; a picture, or a colour: white, black, green,
    grey, '#rrggbb'."""
    infer_c2w_name: str = ""
    """Camera poses to use in place of the footage's, in GeneFace's world: .npy, [1, T, 3, 4] or [T, 4, 4]."""
    infer_inject_eye_blink_mode: Literal["none", "gt", "period"] = "none"
    """Brows, nose and eyes: `none` as predicted, `gt` as in the footage whose pose is shown, `period` a still gaze with
    one of the person's blinks every few seconds."""
    infer_close_mouth_when_sil: bool = False
    """Close the mouth in silences of infer_audio_source_name."""
    infer_mouth_smooth_sigma: Weight = 0.0
    """Gaussian smoothing over time of the mouth, in frames."""
    infer_lm3d_clamp_std: Weight = 2.5
    """Keep landmarks within this many standard deviations (brows and eyes: half of it in x and y); 0 turns it off."""
    infer_lm3d_ema: Fraction = 0.0
    """Share of the frame before in each frame's landmarks; GeneFace has 0.2 for RAD-NeRF, 0 for the vanilla one."""
    infer_scale_factor: Positive = 1.0
    """Size of the picture against the footage's; a half takes a quarter of the time."""
    infer_smooth_camera_path: bool = True
    """Average the camera's place and rotation over a few frames, as GeneFace does."""
    infer_smooth_camera_path_kernel_size: Count = 7
    """Over how many frames."""

    @property
    def mends(self) -> bool:
        """Say whether any setting asks for landmarks to be mended; clamping alone is not."""
        return bool(
            self.infer_inject_eye_blink_mode != "none" or self.infer_lm3d_lle_percent or self.infer_lm3d_smooth_sigma
            or self.infer_mouth_smooth_sigma or self.infer_mouth_gain != 1
            or (self.infer_close_mouth_when_sil and self.infer_audio_source_name)
        )  # fmt: skip


class GenefaceNerfConfig(ImportedRendererConfig):
    """GeneFace's vanilla NeRF, imported. Very slow on a CPU at full size; see infer_scale_factor."""

    cond_type: Literal["landmarks", "deepspeech"] = "landmarks"
    """What the head follows."""
    torso: bool = False
    """Whether a second NeRF draws the torso; it hears DeepSpeech features (`infer_speech_name`)."""
    use_color: bool = True
    """Whether the torso sees the head's colour."""
    near: Positive = 0.3
    """Depth at which rays begin, in the original's world."""
    far: Positive = 0.9
    """Depth at which they end."""
    n_samples_per_ray: Annotated[int, Field(ge=4)] = 64
    """Samples of the coarse network; 32 is what GeneFace's script renders with."""
    n_samples_per_ray_fine: Annotated[int, Field(ge=0)] = 128
    """Further samples of the fine network."""
    chunk: Count = 512
    """Rays rendered at once; more need more memory."""


class GenefaceRadnerfConfig(ImportedRendererConfig):
    """GeneFace's RAD-NeRF, imported. Slow on a CPU at full size; see infer_scale_factor."""

    cond_type: Literal["landmarks", "esperanto", "deepspeech"] = "landmarks"
    """What the head follows."""
    torso: bool = False
    """Whether there is a torso; else the head is shown over the background."""
    torso_head_aware: bool = False
    """Whether the torso sees the head's colour. The original tosses a coin for every frame; here it always does."""
    individual_embedding_num: Count = 13_000
    """Rows of the tables of individual codes; the first is used."""
    grid_type: Literal["tiledgrid", "hashgrid"] = "tiledgrid"
    """Layout of the feature grids."""
    grid_interpolation_type: Literal["linear", "smoothstep"] = "linear"
    """How features are mixed inside a cell."""
    camera_scale: Positive = 4.0
    """Size of the original's world in that of the grids."""
    camera_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the original's origin lies in the world of the grids."""
    torso_shrink: Positive = 0.8
    """Places of the picture times this are places of the torso's plane."""
    infer_lm3d_ema: Fraction = 0.2
    """Share of the frame before in each frame's landmarks."""
    chunk: Count = 16_384
    """Rays rendered at once; more need more memory."""
