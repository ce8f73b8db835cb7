"""Settings that the head and the torso of a renderer share. GeneFace's names where the meaning is the same."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from data_gen.video.dataset import open_video
from tasks.core.checkpoints import Steps
from tasks.core.config import TaskConfig
from tasks.speaking.settings import InferSettings
from utils.config.schema import Config, Count, Fraction, Positive, Weight

Samples = Annotated[int, Field(ge=0, le=4096)]

NETWORK = (
    "backbone", "upsample", "cond_dim", "smo_win_size", "n_bases", "plane_size", "dynamic_size", "grid_size",
    "plane_channels", "decoder_width", "landmark_input",
)  # fmt: skip
"""Settings that a torso must share with its head."""
DRAWN = frozenset((
    *NETWORK, "size", "video_id", "binary_data_dir", "n_samples_per_ray", "n_samples_per_ray_fine", "infer_bf16",
))  # fmt: skip
"""Settings of `NerfConfig` that are read while a trained renderer draws; the others are for training."""


class NerfWeights(Config):
    """How much each loss counts; 0 turns it off."""

    rgb: Weight = 2.0
    """L1 and squared error of the picture; mouth and eyes count more (`mouth_eyes_weight`)."""
    low_rgb: Weight = 2.0
    """Squared error of the rays' own colour against the shrunken picture; without it no geometry forms."""
    alpha: Weight = 0.1
    """Cross-entropy of the rays' alpha on the mask."""
    matte: Weight = 0.1
    """Cross-entropy of the decoder's alpha on the mask."""
    structure: Weight = 0.1
    """1 - SSIM."""
    detail: Weight = 1.0
    """Differences of gradients at three sizes; raise it for sharper edges."""
    perceptual: Weight = 0.0
    """LPIPS, from `perceptual_from` of the training on; needs its weights (python -m utils.assets)."""
    mouth_perceptual: Weight = 0.0
    """LPIPS of what a portrait shows of the mouth, enlarged; as `perceptual`, and what makes teeth sharp."""
    mouth_fineness: Weight = 0.0
    """Between the lips there is as much fine detail as in the frame, wherever it lies; beside `mouth_perceptual`."""
    interlevel: Weight = 0.1
    """The coarse grid must cover what the field finds."""
    empty: Weight = 0.1
    """The coarse grid is empty outside the mask, so that rays can be skipped, and holds something inside."""
    distortion: Weight = 0.02
    """One thin surface per ray."""
    entropy: Weight = 0.001
    """Alpha near 0 or 1."""
    roughness: Weight = 0.1
    """Differences of neighbouring plane rows."""
    bases: Weight = 0.01
    """Squares of the blend weights and of the blended planes."""
    temporal: Weight = 0.0
    """The change from one frame to the next is the true one; renders pairs, so an update costs twice."""
    cover: Weight = 0.08
    """How much of a frame a portrait covers: as little as its mouth needs."""
    bare: Weight = 0.5
    """Error of a portrait's colours by themselves, beside that of the frame they are laid into."""
    coarse_rgb: Weight = 0.0
    """Squared error of the coarse network's colour (backbone vanilla)."""


class NerfConfig(TaskConfig, InferSettings):
    """Settings of both renderer tasks."""

    renamed = {"infer_compile": ""}

    video_id: str = ""
    """Which processed video: a folder under `binary_data_dir`."""
    binary_data_dir: str = "data/binary/videos"
    """Where processed videos lie."""
    size: Count = 512
    """Height of the training pictures; larger frames are shrunk to it."""
    backbone: Literal["blendplane", "vanilla"] = "blendplane"
    """BlendPlane-NeRF, or GeneFace's own MLPs (very slow; upsample 1)."""
    upsample: Literal[1, 2, 4] = 4
    """Pixels per ray along each side: quality against speed. About 128 to 256 rays across the picture are good."""
    n_rays: Count = 2304
    """Rays per frame and update; a square patch of them."""
    n_frames: Count = 3
    """Frames per update; many small patches teach the mouth faster than few large ones."""
    in_rect_percent: Fraction = 0.7
    """Share of the patches that are centred on the face; the others lie anywhere."""
    n_samples_per_ray: Samples = 32
    """Steps of a ray through the coarse grid (vanilla: through the coarse network); with 0 no ray is skipped, and the
    fine samples lie evenly on it."""
    n_samples_per_ray_fine: Samples = 8
    """Evaluations of the field on a ray, placed where the coarse steps found something; with 0 the field is evaluated
    in the middle of every coarse step. One of the two must be more than 0."""
    box_depth: tuple[float, float] = (-1.8, 0.9)
    """Far and near end of the scene's box along z, in eye distances; its sides follow from the head masks."""
    smo_win_size: Annotated[int, Field(ge=1, le=25)] = 5
    """Frames of landmarks that a picture sees."""
    cond_dim: Count = 64
    """Width of the landmark code."""
    n_bases: Annotated[int, Field(ge=0)] = 16
    """K, blended bases of planes; 0 ignores the landmarks there."""
    plane_size: Annotated[int, Field(ge=8)] = 192
    """Resolution of the static planes."""
    dynamic_size: Annotated[int, Field(ge=8)] = 64
    """Resolution of the blended planes over the face."""
    grid_size: Annotated[int, Field(ge=8)] = 64
    """Resolution of the coarse density grid."""
    plane_channels: Count = 32
    """Features in a plane row."""
    decoder_width: Annotated[int, Field(ge=4)] = 32
    """Channels inside the decoder."""
    landmark_input: bool = True
    """Show the decoder where the landmarks fall in the picture."""
    landmark_noise: Weight = 0.01
    """Training noise on the landmarks, in their standard deviations."""
    fit_poses: bool = False
    """Move the poses a little before every validation, until the head that is drawn lies on the one that was filmed."""
    mouth_eyes_weight: Positive = 4.0
    """How much more a pixel of the mouth or the eyes counts."""
    perceptual_from: Fraction = 0.85
    """Share of the training after which the perceptual loss sets in."""
    lr: Positive = 2e-3
    """Step size of the networks."""
    lr_code: Positive = 1e-3
    """Step size of the landmark code; a large one drives the blend weights to their ends."""
    lr_planes: Positive = 1e-2
    """Step size of planes and grids."""
    ema_decay: Fraction = 0.995
    """Average the weights over updates with this decay."""
    eval_max_batches: Count = 8
    """Frames rendered at a validation."""
    eval_frames: Count = 250
    """--evaluate: at most so many held-out frames, from the first."""
    eval_guess_torso: bool = False
    """--evaluate: move the torso by the head's pose alone."""
    val_check_interval: Count = 1000
    """Validate and save a checkpoint every so many updates."""
    num_ckpt_keep: Count = 1
    """Keep so many of the newest checkpoints, and the best one."""
    valid_monitor_key: str = "val/face_score"
    """The validation figure that chooses the best checkpoint."""
    valid_monitor_mode: Literal["min", "max"] = "max"
    """Whether a small or a large figure is good."""
    infer_bf16: bool = True
    """Render in bfloat16 where the processor does so natively."""
    weights: NerfWeights = NerfWeights()
    """How much each loss counts."""

    def refuse_missing_data(self) -> None:
        """Refuse a video that is not processed; `DataError` has the command that does it."""
        open_video(self.video_id, self.binary_data_dir)


class Lm3dNerfConfig(NerfConfig):
    """A head that follows landmarks."""


class OverHeadConfig(NerfConfig):
    """What learns under or over a trained head."""

    head_model_dir: str = ""
    """The run of `lm3d_nerf` whose head is used; checkpoints/<video_id>/lm3d_nerf when empty."""
    head_ckpt_steps: Steps = "best"
    """Which of its checkpoints: last, best, or a number of updates."""


class Lm3dNerfTorsoConfig(OverHeadConfig):
    """A torso under a trained head."""

    torso_size: int = Field(default=512, ge=8)
    """Resolution of the torso's picture."""
    torso_motion_dim: int = Field(default=8, ge=0)
    """Width of the code of how the shoulders lie; 0 lets the head's pose alone move them."""
    torso_bases: int = Field(default=8, ge=0)
    """Blended pictures of change: folds, shadows."""
    in_rect_percent: float = Field(default=0.8, ge=0, le=1)
    """Share of the patches that are centred on the torso; the others lie anywhere."""


class Lm3dNerfPortraitConfig(OverHeadConfig):
    """The lower face of a trained head, matched to the true frame it is laid into."""

    portrait_width: Annotated[int, Field(ge=4)] = 16
    """Channels inside the portrait; three times as many at half the resolution of the rays."""
    portrait_reach: Annotated[float, Field(gt=0, le=1)] = 0.16
    """How far beyond the jaw and the mouth it may change the frame, eye distances."""
    mouth_size: Annotated[int, Field(ge=0, le=1024)] = 0
    """Texels across the textures of teeth that what is between the lips is drawn with; 0 leaves it to the portrait."""
