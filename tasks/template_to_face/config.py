"""Settings of the template decoder."""

from __future__ import annotations

from typing import Literal

from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Positive, Weight, Whole
from utils.media.marks.settings import MarkSettings


class TemplateWeights(Config):
    """How much each loss counts; 0 turns it off."""

    pixel: Weight = 1.0
    """Squared error of the picture."""
    laplace: Weight = 0.0
    """Squared error of the picture's sharpness; 1000 is the published figure for `naive`."""
    perceptual: Weight = 11.0
    """Squared error of the maps of `perceptor`."""
    identity: Weight = 1.0
    """1 - cosine between the template and that of the reconstruction; wants a recogniser that is an ONNX file."""
    mixed: Weight = 0.0
    """1 - cosine between a mixture of two templates and that of the picture made of it. It needs no photo, so that a
    decoder of few photos also learns what lies between them; wants what `identity` wants."""
    adv: Weight = 0.0
    """A critic's doubt that the picture is a photo; 0.01 is the published figure."""


class TemplateDecoderConfig(TaskConfig, MarkSettings):
    """A face-recognition template to the face it was made of."""

    binary_data_dir: str = "data/binary/templates"
    """What `data_gen/run.py templates` made."""
    network: Literal["naive", "large", "fr", "light"] = "fr"
    """naive and large make 128 pixels, fr makes 112; light, too, at a quarter of the time."""
    normalize_templates: bool = True
    """Bring templates to length 1 first."""
    batch_size: Count = 64
    """Pairs in a training step."""
    augment: bool = False
    """Mirror, move and tint the photos a little; the template stays that of the photo as it is."""
    perceptor: Literal["fr", "vgg11", "none"] = "fr"
    """Whose maps the perceptual loss compares: a face recogniser's, ImageNet's VGG-11, or nobody's."""
    perceptor_weights: str = ""
    """fr: an IResNet-50/100 (.pth, .safetensors) or an ONNX recogniser; empty: the one that made the templates."""
    from_afar: bool = False
    """While training, show recogniser and perceptor pictures that are moved a little and softened, made and real alike:
    noise that only fools them then earns nothing."""
    recogniser_after: Whole = 0
    """Learn from pixels alone for so many updates: there should be a face before a recogniser corrects it."""
    lr: Positive = 1e-3
    """Step size of Adam, falling to a hundredth along a cosine."""
    critic_lr: Positive = 1e-3
    """Step size of the critic's Adam."""
    clip_grad_norm: Weight = 10.0
    """Scale gradients down to this norm; 0 leaves them alone."""
    save_powers: bool = True
    """Also keep a checkpoint and control pictures after 100, 1,000, 10,000 and 100,000 samples."""
    control_samples: Count = 9
    """Validation photos that are drawn beside their reconstructions."""
    eval_max_samples: Count = 512
    """Validation pairs that are measured, spread over the people."""
    eval_second: str = ""
    """--evaluate: a recogniser that the decoder was not trained on, for example dlib, to measure with as well."""
    eval_per_identity: Whole = 0
    """--evaluate: take at most so many photos of a person; 0 takes all."""
    weights: TemplateWeights = TemplateWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/cosine"
    """The validation figure that chooses the best checkpoint."""
    valid_monitor_mode: Literal["min", "max"] = "max"
    """Whether a small or a large figure is good."""
    infer_source: str = ""
    """--infer: a photo or a folder of them, or templates as .npy, .csv or .b64 (base64 of float32)."""
    infer_out_dir: str = ""
    """--infer: where the faces go; empty: infer_out/<run>."""
    infer_recogniser: str = ""
    """--infer: where the templates' recogniser lies now; empty: the name it had."""
    infer_aligned: bool = False
    """--infer: the photos are aligned crops already."""
