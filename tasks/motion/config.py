"""Settings that the three motion tasks share, and those of syncnet and lm3d_vae_sync."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from data_gen.clips.presence import refuse_missing
from data_gen.speech_features import feature_width, hears_words
from tasks.core.checkpoints import Steps, work_dir_of
from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Fraction, Layers, Weight, Whole
from utils.errors import ConfigError, DataError
from utils.paths import show_path

log = logging.getLogger(__name__)
GUIDES = {"lm3d_vae_sync": "lm3d_vae"}
"""Stage -> what GeneFace's guide calls its run in one step, where the next step's recipe calls it by the stage."""


def _is_trained(work_dir: Path) -> bool:
    return any(work_dir.glob("*.ckpt"))


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
    """Begin with the networks of this run (the same task and sizes), for example one trained on many speakers. From a
    run that is `centred`, a run that is not takes how a face moves, and adds the mean face of its own data."""
    audio_feature: AudioFeature = "hubert"
    """Speech feature to listen to, which the data must have: mel, mfcc, whisper, hubert; whisper:3-6 is the mean of
    those layers, whisper@folder another model; ear@file what an ear hears that was trained here."""
    batch_size: Count = 32
    """Windows in a batch."""
    window_frames: Count = 100
    """Video frames (25/s) of a training window."""
    person_val_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Hold out this last share of the person's video instead of what the dataset says (0). The three tasks of one
    chain must agree."""
    val_talkers: list[str] = []
    """Hold out these talkers of the clips, with all they say, instead of some clips of everybody's."""
    centred: bool = False
    """Take each talker's own mean face off the landmarks: what is learnt is how faces move, whoever's they are."""
    eval_max_batches: Count = 10
    """Validate on at most so many batches of 8 windows of 10 seconds."""
    augment: AugmentConfig = AugmentConfig()
    """Disturbances of the speech features."""
    augment_content: AugmentConfig | None = None
    """The same for ear, hubert and whisper, whose hundreds of channels repeat each other; none: as `augment`."""

    infer_audio_track: Count | None = None
    """--infer: which track of the sound is heard, from 1 on; the loudest when not given."""

    @property
    def audio_dim(self) -> int:
        """Return the width of the speech feature."""
        return feature_width(self.audio_feature)

    @property
    def disturbance(self) -> AugmentConfig:
        """Return how this recipe's speech feature is disturbed."""
        if self.augment_content is not None and hears_words(self.audio_feature):
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

    def refuse_missing_data(self) -> None:
        """Refuse folders without data.

        Raises:
            ConfigError: None was named. DataError: One holds none; with the command that makes it.
        """
        for path in self.corpus_paths():
            refuse_missing(path, self.audio_feature)

    def person_path(self) -> Path:
        """Return the folder of the person's dataset."""
        return Path(self.person_binary_data_dir) / self.video_id

    def earlier_run(self, given: str, stage: str, work_dir: Path | None) -> str:
        """Return where an earlier stage was trained: as given, else beside this run, else under the person's name.

        Where nothing was trained in the folder that is given, one beside it is taken that is called as GeneFace's guide
        calls the stage, and it is said.

        Raises:
            ConfigError: It was not given, and no --video_id either.
        """
        if given:
            guided = work_dir_of(given).with_name(GUIDES.get(stage, stage))
            if work_dir_of(given).name == stage and not _is_trained(work_dir_of(given)) and _is_trained(guided):
                words = "%s is not there; %s is, as GeneFace's guide calls it, and is used."
                log.info(words, given, show_path(guided))
                return str(guided)
            return given
        if work_dir is not None and any((work_dir.parent / stage).glob("*.ckpt")):
            return str(work_dir.parent / stage)
        if not self.video_id:
            raise ConfigError(f"{stage}: say where it was trained, or give --video_id.")
        return f"checkpoints/{self.video_id}/{stage}"


class SyncNetWeights(Config):
    """How much each loss counts; 0 turns it off."""

    sync: Weight = 1.0
    """Binary cross-entropy of the cosine: in step or not."""
    offset: Weight = 0.0
    """Cross-entropy of the right offset among those up to 15 frames away; sharpens a net that has little data."""


class SyncNetConfig(MotionConfig):
    """Does this mouth say that sound?"""

    sync_clips: Count = 1024
    """Pairs of 0.2 s compared in a training step."""
    width: Count = 512
    """Channels of the embedding; 128 suits a minute of one person."""
    dropout: Fraction = 0.0
    """Chance that an input channel of a clip is silenced while training."""
    own_mouth: bool = False
    """Take the mean mouth of the data off each mouth first, as wants a run that begins with a `centred` one."""
    mouth_noise: Weight = 0.0
    """Noise added to mouth points while training, tenths of an eye distance."""
    weights: SyncNetWeights = SyncNetWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/sync"
    """The validation figure that chooses the best checkpoint."""
    infer_audio_source_name: str = ""
    """--infer: measure this sound against infer_npy_name; empty: the validation part of the data."""
    infer_npy_name: str = ""
    """--infer: landmarks (T, 204) or (1, T, 204) as written by lm3d_vae_sync or postnet."""


class Lm3dVaeWeights(Config):
    """How much each loss counts; 0 turns it off."""

    kl: Weight = 0.4
    """Distance between what the encoder says and what the prior expects."""
    mse: Weight = 1.0
    """Squared error of the landmarks."""
    continuity: Weight = 3.0
    """Squared error of frame-to-frame movement; raise it if the mouth jitters."""
    sync: Weight = 0.01
    """SyncNet's opinion of the imagined mouth; takes part once validation says it helps."""
    prior: Weight = 0.0
    """Squared error, in place and in frame-to-frame movement, of the likeliest imagination (no encoder), which is what
    inference at temperature 0 shows."""
    lips: Weight = 0.0
    """Squared error of the mouth points in that likeliest imagination."""


class Lm3dVaeSyncConfig(MotionConfig):
    """Speech to 3-D landmarks, any speaker or one."""

    pitch: bool = False
    """Listen to the pitch as well."""
    audio_pairing: Literal["pair", "even"] = "pair"
    """"pair": both 50 Hz feature rows of a frame; "even": the even ones only, as GeneFace's weights want it."""
    hidden_size: Count = 256
    """Channels of encoder and decoder."""
    condition_size: Count = 64
    """Channels the speech is squeezed to."""
    latent_size: Count = 16
    """Latent values per four frames."""
    encoder_layers: Layers = 8
    """WaveNet layers of the encoder."""
    decoder_layers: Layers = 4
    """WaveNet layers of the decoder."""
    dilation: Count = 1
    """Each decoder layer hears this many times further than the one before; 2 suits a small network of few layers."""
    dropout: Fraction = 0.0
    """Chance that an activation is dropped while training."""
    direct_size: Whole = 0
    """Channels of a plain network beside the VAE, which predicts the likeliest motion from speech alone; the VAE then
    only adds what the speech leaves open. Needs weights.prior. 0 for none, as in GeneFace."""
    direct_dropout: Fraction = 0.2
    """Chance that an activation of that plain network is dropped while training."""
    talkers: Whole = 0
    """Room for so many talkers, each with a vector of his own, which tunes the plain network (direct_size)."""
    talker_size: Count = 16
    """Values of a talker's vector."""
    talker_dropout: Fraction = 0.3
    """Chance that a window is learnt without its talker's vector, as a stranger is imagined."""
    warmup_updates: int = 1000
    """Reach the full learning rate after so many updates."""
    decay_updates: Count = 250_000
    """The learning rate falls to a tenth every so many updates."""
    syncnet_work_dir: str = ""
    """Where SyncNet was trained; empty: checkpoints/<video_id>/syncnet."""
    syncnet_ckpt_steps: Steps = "best"
    """Which of its checkpoints: best, last, or a number of updates."""
    sync_clips: Count = 1024
    """Pairs of 0.2 s that SyncNet judges in a training step."""
    sync_start_below: Weight = 0.75
    """Switch the sync loss on, for good, when validation finds it at or below this."""
    weights: Lm3dVaeWeights = Lm3dVaeWeights()
    """How much each loss counts."""
    valid_samples: Whole = 4
    """Judge so many samples of the prior at each validation, besides the likeliest motion."""
    infer_audio_source_name: str = ""
    """--infer: the sound to speak, any format."""
    infer_out_npy_name: str = ""
    """--infer: where the landmarks go, (1, T, 204) float32; empty: infer_out/<run>.npy."""
    infer_temperature: Weight = 1.0
    """--infer: spread of the prior's noise; 0 is the most likely motion."""
    infer_ends: Literal["drawn_out", "zeros"] = "drawn_out"
    """--infer: what is heard before a sound begins and after it ends. drawn_out: its first and last row, so that a
    sound that is cut off ends without a twitch; zeros: nothing, as GeneFace has it."""
    infer_seed: int = 0
    """--infer: the same seed gives the same motion."""
