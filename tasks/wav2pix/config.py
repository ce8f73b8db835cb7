"""Settings of wav2pix."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Fraction, Positive, Weight
from utils.media.marks.settings import MarkSettings


class Wav2PixWeights(Config):
    """How much each loss of the generator counts; 0 turns it off."""

    adv: Weight = 1.0
    """The discriminator's doubt, squared."""
    l1: Weight = 50.0
    """Absolute error of the picture."""
    l2: Weight = 100.0
    """Squared error of the discriminator's mean features over the batch."""
    softmax: Weight = 20.0
    """Cross-entropy of the speaker."""
    perceptual: Weight = 0.0
    """LPIPS of the picture, left out where its weights are not here (python -m utils.assets)."""
    pose: Weight = 0.1
    """Nats that a pose tells beyond the voice, with pose_dim; lower it if faces are soft, raise it if speakers mix."""


class Wav2PixConfig(TaskConfig, MarkSettings):
    """A voice to the speaker's face, adversarial."""

    overrules = {
        "epochs": "max_updates", "l1_coef": "weights.l1", "l2_coef": "weights.l2", "softmax_coef": "weights.softmax",
    }  # fmt: skip

    binary_data_dir: str = "data/binary/speakers"
    """What `data_gen/run.py wav2pix` made."""
    image_size: Literal[64, 128] = 64
    """Side of the picture."""
    audio_normalisation: Literal["float", "integer"] = "float"
    """float: over the peak; integer: rounded down after it, as the published Python 2 checkpoints want."""
    batch_size: Count = 64
    """Pairs in a training step."""
    epochs: int = 0
    """Go so often through the data instead of counting max_updates; 0 counts max_updates."""
    matching: Literal["concat", "projection"] = "concat"
    """How the discriminator joins face and voice: concat, as published, which cannot tell whether they belong together;
    or projection, which can."""
    width: Positive = 1.0
    """Channels that draw and judge pictures, over the published ones; half of them take less than half the time."""
    norm: Literal["spectral", "group"] = "spectral"
    """What keeps the generator's activations in bounds: spectral, as published; or group, which learns much sooner."""
    pose_dim: int = Field(0, ge=0)
    """Length of a vector that tells the generator, while training, what the voice does not: where the head looks, what
    is behind it. Without it (0, as published) a face is the mean of all that its speaker's may be."""
    dropout: Fraction = 0.5
    """Chance that an activation of the generator is dropped while training."""
    augment: bool = False
    """Move and tint real and made faces alike before the discriminator; helps sets of few speakers."""
    augment_sound: bool = False
    """Begin sounds anywhere, the start after the end, and turn their sign; helps sets of few voices."""
    adv_from: Fraction = 0.0
    """Share of the training after which the discriminator learns and is heard; till then updates take half the time."""
    real_label: Fraction = 0.9
    """What the discriminator should say of a real pair."""
    lr_D: Positive = 4e-4
    """Step size of the discriminator's Adam."""
    lr_G: Positive = 1e-4
    """Step size of the generator's Adam."""
    pre_trained_gen: str = ""
    """Begin with the generator of this file: the original's gen_<n>.pth, or a checkpoint of a run."""
    pre_trained_disc: str = ""
    """Begin with the discriminator of this file: the original's disc_<n>.pth (matching: concat), or a checkpoint."""
    l1_coef: Weight | None = None
    """The published name of weights.l1; wins over it when given."""
    l2_coef: Weight | None = None
    """The published name of weights.l2; wins over it when given."""
    softmax_coef: Weight | None = None
    """The published name of weights.softmax; wins over it when given."""
    ema_decay: Fraction = 0.999
    """Average the generator over updates with this decay (0 = off); validation and inference use the average."""
    weights: Wav2PixWeights = Wav2PixWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/l1"
    """The validation figure that chooses the best checkpoint."""
    eval_recogniser: str = "arcface_mbf"
    """--evaluate: who tells faces apart: arcface_mbf, dlib, an ONNX file."""
    eval_detector: str = "auto"
    """--evaluate: who finds faces: auto, mediapipe, dlib."""
    inference: bool = False
    """The same as --infer."""
    infer_audio_source_name: str = ""
    """--infer: a sound of any format, or a folder of .wav."""
    infer_out_dir: str = ""
    """--infer: where the faces go; empty: infer_out/<run>."""
