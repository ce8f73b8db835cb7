"""What the three motion tasks share: which data they read, how it is disturbed, what a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus, Split
from modules.audio_condition import FeatureNorm
from tasks.task import Task, TaskConfig
from utils.audio import feature_width
from utils.config import Config, Count, Fraction, Weight
from utils.content_features import content_kind
from utils.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tasks.board import Board


class AugmentConfig(Config):
    """How the speech features are disturbed while training; a minute of speech is learnt by heart without it."""

    noise: Weight = 0.0
    """Add Gaussian noise of so many standard deviations."""
    gain: Weight = 0.0
    """Shift all channels of a window together, by so many standard deviations at random (loudness, for mel)."""
    mask_channels: Fraction = 0.0
    """Hide one random band of up to this share of the channels."""
    mask_time: Fraction = 0.0
    """Hide one random stretch of up to this share of the window."""
    stretch: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Play every window, sound and motion alike, up to this share faster or slower."""


def _known_feature(name: str) -> str:
    try:
        feature_width(name.split("@")[0])  # the model itself is looked for when it is needed
    except DataError as error:
        raise ValueError(str(error)) from None
    return name


AudioFeature = Annotated[str, AfterValidator(_known_feature)]


class MotionConfig(TaskConfig):
    """Settings that syncnet, lm3d_vae_sync and postnet have in common."""

    binary_data_dir: str = ""
    """Folder of clips of many speakers, for example data/binary/lrs3; empty for none."""
    person_binary_data_dir: str = "data/binary/videos"
    """Where the processed videos lie."""
    video_id: str = ""
    """Train on this person's processed video (besides binary_data_dir, when that is set too)."""
    more_data: list[str] = []
    """Further folders to train on, each a person's processed video or a folder of clips."""
    start_from: str = ""
    """Begin with the networks of this run (the same task and sizes), for example one trained on many speakers."""
    audio_feature: AudioFeature = "hubert"
    """Speech feature to listen to, which the data must have: mel, mfcc, whisper, hubert; whisper:3-6 is the mean of
    those layers, whisper@folder another model."""
    batch_size: Count = 32
    """Windows in a batch."""
    window_frames: Count = 100
    """Video frames (25/s) of a training window."""
    person_val_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Hold out this last share of the person's video instead of what the dataset says (0). The three tasks of one
    chain must agree."""
    eval_max_batches: Count = 10
    """Validate on at most so many batches of 8 windows of 10 seconds."""
    augment: AugmentConfig = AugmentConfig()
    """Disturbances of the speech features."""
    augment_content: AugmentConfig | None = None
    """The same for hubert and whisper, whose hundreds of channels say everything several times; none: as `augment`."""

    @property
    def audio_dim(self) -> int:
        """Return the width of the speech feature."""
        return feature_width(self.audio_feature)

    @property
    def disturbance(self) -> AugmentConfig:
        """Return how this recipe's speech feature is disturbed."""
        if self.augment_content is not None and content_kind(self.audio_feature):
            return self.augment_content
        return self.augment

    def corpus_paths(self) -> list[Path]:
        """List the folders to read.

        Raises:
            ConfigError: None was named.
        """
        paths = [Path(self.binary_data_dir)] if self.binary_data_dir else []
        paths += [self.person_path()] if self.video_id else []
        paths += [Path(path) for path in self.more_data]
        if not paths:
            raise ConfigError(
                "No data was named: give --video_id <id> (a processed video) or --binary_data_dir <folder of clips>."
            )
        return paths

    def person_path(self) -> Path:
        """Return the folder of the person's dataset."""
        return Path(self.person_binary_data_dir) / self.video_id

    def earlier_run(self, given: str, stage: str, work_dir: Path | None) -> str:
        """Return where an earlier stage was trained: as given, else beside this run, else under the person's name.

        Raises:
            ConfigError: It was not given, and no --video_id either.
        """
        if given:
            return given
        if work_dir is not None and any((work_dir.parent / stage).glob("*.ckpt")):
            return str(work_dir.parent / stage)
        if not self.video_id:
            raise ConfigError(f"{stage}: say where it was trained, or give --video_id.")
        return f"checkpoints/{self.video_id}/{stage}"


def open_corpus(cfg: MotionConfig, split: Split, paths: Sequence[Path] | None = None) -> MotionCorpus:
    """Open the corpus a recipe names and check that its speech feature is as wide as the network expects."""
    corpus = MotionCorpus(paths or cfg.corpus_paths(), cfg.audio_feature, split, val_share=cfg.person_val_share)
    if corpus.audio_dim != cfg.audio_dim:
        raise DataError(
            f"{corpus.sources[0].path}: '{cfg.audio_feature}' is {corpus.audio_dim} wide, not {cfg.audio_dim}. "
            "Process it again."
        )
    return corpus


def start_from(task: Task, run: str) -> None:
    """Give `task` the weights of another run of the same task, buffers and feature statistics included.

    Raises:
        ConfigError: That run is of another task or of another network.
    """
    from tasks.checkpoints import load_task

    other = load_task(run, "best")
    if other.cfg.task_cls != task.cfg.task_cls:
        raise ConfigError(f"start_from = {run}: that is a run of {other.cfg.task_cls}, not of {task.cfg.task_cls}.")
    try:
        task.load_state_dict(other.state_dict())
    except RuntimeError:
        raise ConfigError(f"start_from = {run}: its network has other sizes or another audio_feature.") from None


class WindowSource:
    """Random windows of a corpus, a function of the random generator alone."""

    def __init__(self, corpus: MotionCorpus, cfg: MotionConfig) -> None:
        self.corpus, self.size, self.frames = corpus, cfg.batch_size, cfg.window_frames

    def batch(self, rng: np.random.Generator) -> MotionBatch:
        """Draw one batch."""
        return self.corpus.batch(rng, self.size, self.frames)

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        return self.corpus.names()


def val_batches(corpus: MotionCorpus, limit: int, *, frames: int = 250, size: int = 8) -> list[MotionBatch]:
    """Cut validation runs into ten-second windows, eight a batch, at most `limit` batches; always the same."""
    return corpus.whole(frames, size=size, limit=limit * size)


def augment(batch: MotionBatch, cfg: AugmentConfig, norm: FeatureNorm) -> MotionBatch:
    """Disturb the speech of a batch on its device, with torch's generator; what is hidden takes the corpus mean."""
    audio, (size, rows, channels) = batch.audio, batch.audio.shape
    device = audio.device
    if cfg.gain:
        audio = audio + cfg.gain * norm.std * torch.randn(size, 1, 1, device=device)
    if cfg.noise:
        audio = audio + cfg.noise * norm.std * torch.randn_like(audio)
    for share, extent, shape in ((cfg.mask_channels, channels, (1, -1)), (cfg.mask_time, rows, (-1, 1))):
        if share:
            width = torch.rand(size, 1, 1, device=device) * share * extent
            start = torch.rand(size, 1, 1, device=device) * (extent - width)
            place = torch.arange(extent, device=device).reshape(1, *shape)
            audio = torch.where((place >= start) & (place < start + width), norm.mean, audio)
    return batch._replace(audio=audio)


def stretch(batch: MotionBatch, most: float) -> MotionBatch:
    """Play every window at a pace of its own, 1 - most to 1 + most, with torch's generator.

    A faster window is over sooner: its last frames are masked.
    """
    if not most:
        return batch
    size, frames = batch.mask.shape
    device = batch.mask.device
    pace = 1 + most * (2 * torch.rand(size, 1, device=device) - 1)

    def at(rows: Tensor, rate: int) -> Tensor:
        count = frames * rate
        place = torch.arange(count, device=device) * pace
        low = place.long().clamp(max=count - 1)
        high = (low + 1).clamp(max=count - 1)
        part = (place - low).clamp(0, 1).reshape(size, count, *[1] * (rows.dim() - 2))
        window = torch.arange(size, device=device)[:, None]
        return torch.lerp(rows[window, low], rows[window, high], part)

    real = batch.mask.sum(dim=1, keepdim=True)
    mask = torch.arange(frames, device=device) * pace <= real - 1
    landmarks = at(batch.landmarks.flatten(2), 1).unflatten(-1, (68, 3)) * mask[..., None, None]
    heard = mask.repeat_interleave(2, dim=1)
    pitch = batch.pitch_hz[torch.arange(size, device=device)[:, None], 2 * _nearest(pace, frames)]
    return MotionBatch(
        at(batch.audio, 2) * heard[..., None], landmarks, pitch.repeat_interleave(2, dim=1) * heard, mask, batch.speaker
    )


def _nearest(pace: Tensor, frames: int) -> Tensor:
    """Return which frame each frame is when played at a pace (B, 1), (B, T); pitch must not be averaged with 0."""
    return (torch.arange(frames, device=pace.device) * pace).round().long().clamp(max=frames - 1)


def draw_motion(board: Board, true: np.ndarray, curves: dict[str, np.ndarray], number: int) -> None:
    """Show one example: the sequence, its mouth near, the widest mouth, the lip opening, and the face in 3-D.

    Args:
        true: The recorded landmarks, (T, 68, 3).
        curves: Name -> imagined landmarks (T, 68, 3); the last one is drawn beside the truth.
    """
    from utils.drawing import animate_landmarks, landmark_mesh, plot_lip_opening

    name, imagined = list(curves.items())[-1]
    opening = np.abs(true[:, 66, 1] - true[:, 62, 1])
    widest = int(opening.argmax())
    frames = animate_landmarks({"true": true, name: imagined})
    board.animation(f"landmarks/{number}", frames)
    board.image(f"landmarks/{number}_widest", frames[widest])
    mouths = animate_landmarks({"true": true, name: imagined}, mouth=True)
    board.animation(f"mouth/{number}", mouths)
    board.image(f"mouth/{number}_widest", mouths[widest])
    board.image(f"lip_opening/{number}", plot_lip_opening({"true": true, **curves}))
    for label, sequence in (("true", true), (name, imagined)):
        mesh = landmark_mesh(sequence[widest])
        board.mesh(f"mesh/{number}_{label}", mesh.vertices[0], mesh.faces[0], mesh.colours[0])


def masked_rows(batch: MotionBatch, index: int) -> int:
    """Return how many frames of window `index` are real."""
    return int(batch.mask[index].sum())


def lip_opening(landmarks: Tensor) -> Tensor:
    """Return how far the lips are open: (..., 68, 3) -> (...), tenths of an eye distance, mean of three point pairs."""
    return (landmarks[..., (61, 62, 63), 1] - landmarks[..., (67, 66, 65), 1]).mean(dim=-1)


def lip_metrics(imagined: Tensor, batch: MotionBatch) -> dict[str, Tensor]:
    """Compare imagined with recorded lips over the real frames of a batch.

    Returns:
        lip_correlation: of the lip opening, each speaker centred; lip_error: mean distance of the 20 mouth points,
        tenths of an eye distance; lip_spread: spread of the imagined lip opening over that of the recorded one.
    """
    mask = batch.mask.float()
    same = (batch.speaker[:, None] == batch.speaker[None, :]).float()
    a, b = (_centred(lip_opening(x.float()), mask, same) for x in (imagined, batch.landmarks))
    spread = (a.square().sum() / b.square().sum().clamp(min=1e-9)).sqrt()
    correlation = (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp(min=1e-9)
    distance = (imagined - batch.landmarks)[:, :, 48:68].float().norm(dim=-1).mean(dim=-1)
    return {
        "lip_correlation": correlation,
        "lip_error": (distance * mask).sum() / mask.sum().clamp(min=1),
        "lip_spread": spread,
    }


def mouth_variance(landmarks: Tensor, batch: MotionBatch) -> Tensor:
    """Return the variance over time of the 20 mouth points of (B, T, 68, 3), mean over points and axes.

    Each window's own mean is taken off: a face that never changes has none, whoever's it is.
    """
    mask = batch.mask[..., None, None].float()
    mouth = landmarks[:, :, 48:68].float()
    frames = mask.sum(dim=1, keepdim=True).clamp(min=1)
    centred = (mouth - (mouth * mask).sum(dim=1, keepdim=True) / frames) * mask
    return centred.square().sum() / (mask.sum().clamp(min=1) * 60)


def _centred(values: Tensor, mask: Tensor, same: Tensor) -> Tensor:
    """Take every speaker's own mean off (B, T) values."""
    # sums, not matrix products: autocast would round those to bfloat16
    total, count = ((same * x.sum(dim=1)).sum(dim=1) for x in (values * mask, mask))
    mean = total / count.clamp(min=1)
    return (values - mean[:, None]) * mask
