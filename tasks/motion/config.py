"""Settings that the three motion tasks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Fraction, Weight
from utils.errors import ConfigError, DataError
from utils.sound.content_features import content_kind
from utils.sound.features import feature_width


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

    infer_audio_track: Count | None = None
    """--infer: which track of the sound is heard, from 1 on; the loudest when not given."""

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
