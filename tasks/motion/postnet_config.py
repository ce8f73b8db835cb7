"""The settings of postnet."""

from __future__ import annotations

from tasks.core.checkpoints import Steps
from tasks.motion.config import MotionConfig
from utils.config.schema import Config, Count, Fraction, Positive, Weight


class PostnetWeights(Config):
    """How much each loss counts; 0 turns it off."""

    mse: Weight = 0.05
    """Squared error to the person's own landmarks, on the person's own speech."""
    adv: Weight = 0.85
    """The critic's doubt whether a frame is this person's."""
    sync: Weight = 0.1
    """SyncNet's opinion of the refined mouth."""
    continuity: Weight = 0.0
    """Squared error of frame-to-frame movement on the person's own speech."""
    reg: Weight = 0.0
    """How far landmarks are moved at all."""


class PostnetConfig(MotionConfig):
    """Landmarks of any speaker to the target person's; --video_id names the person."""

    pitch: bool = False
    """Also see the pitch, through the speech network's own pitch embedding."""
    width: Count = 128
    """Channels of the refiner's outer blocks."""
    critic_width: Count = 128
    """Channels of the critic's outer layers."""
    critic_dropout: Fraction = 0.25
    """Chance that an activation of the critic is dropped while training."""
    start_at_identity: bool = True
    """Begin by changing nothing, so that refining starts from what the speech network said."""
    lr: Positive = 5e-4
    """Not used here: the step sizes are postnet_lr and postnet_disc_lr."""
    postnet_lr: Positive = 1e-4
    """Step size of the refiner."""
    postnet_disc_lr: Positive = 1e-4
    """Step size of the critic."""
    postnet_disc_start_steps: int = 0
    """The critic takes part from this update on."""
    postnet_disc_interval: Count = 1
    """The critic learns every so many updates."""
    warmup_updates: int = 1000
    """Reach the full step size after so many updates."""
    decay_updates: Count = 250_000
    """The refiner's step size falls to a tenth every so many updates."""
    max_updates: Count = 20_000
    """Train for this many updates."""
    train_temperature: Weight = 1.0
    """Spread of the noise from which training landmarks are imagined."""
    audio2motion_work_dir: str = ""
    """Where lm3d_vae_sync was trained; empty: checkpoints/<video_id>/lm3d_vae_sync."""
    audio2motion_ckpt_steps: Steps = "best"
    """Which of its checkpoints: best, last, or a number of updates."""
    syncnet_work_dir: str = ""
    """Where SyncNet was trained; empty: checkpoints/<video_id>/syncnet."""
    syncnet_ckpt_steps: Steps = "best"
    """Which of its checkpoints."""
    sync_clips: Count = 1024
    """Pairs of 0.2 s that SyncNet judges in a training step."""
    weights: PostnetWeights = PostnetWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/selection_score"
    """The validation figure that chooses the best checkpoint; see tasks/motion/postnet_selection.py."""
    collapse_below: Fraction = 0.1
    """A step whose refined mouths have less than this share of the recorded variance is collapsed and never chosen."""
    infer_audio_source_name: str = ""
    """--infer: the sound to speak, any format."""
    infer_out_npy_name: str = ""
    """--infer: where the landmarks go, (1, T, 204) float32; empty: infer_out/<run>.npy."""
    infer_temperature: Weight = 1.0
    """--infer: spread of the speech network's noise; 0 is the most likely motion."""
    infer_seed: int = 0
    """--infer: the same seed gives the same motion."""
