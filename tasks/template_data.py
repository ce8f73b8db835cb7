"""Settings of the template decoder, and how its pairs become batches and its pictures bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.templates.shards import TemplateShards
from modules.template_decoder import Kind
from tasks.task import TaskConfig
from utils.config import Config, Count, Positive, Weight, Whole


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


class TemplateDecoderConfig(TaskConfig):
    """A face-recognition template to the face it was made of."""

    binary_data_dir: str = "data/binary/templates"
    """What `data_gen/run.py templates` made."""
    network: Kind = "fr"
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


class FaceBatch(NamedTuple):
    """Templates (B, D) as the recogniser gave them, and crops (B, S, S, 3) RGB uint8 at the decoder's size."""

    templates: Tensor
    crops: Tensor


class TemplateSource:
    """Draw pairs of crop and template."""

    def __init__(self, shards: TemplateShards, size: int, batch_size: int, augment: bool) -> None:
        self.shards, self.size, self.batch_size, self.augment = shards, size, batch_size, augment
        self._last: list[int] = []

    def batch(self, rng: np.random.Generator) -> FaceBatch:
        """Draw one batch."""
        self._last = rng.integers(0, self.shards.count("train"), self.batch_size).tolist()
        return face_batch(self.shards, "train", self._last, self.size, rng if self.augment else None)

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        return [f"train pair {number}: {self.shards.name('train', number)}" for number in self._last]


def face_batch(
    shards: TemplateShards,
    split: Literal["train", "val"],
    numbers: Sequence[int],
    size: int,
    rng: np.random.Generator | None = None,
) -> FaceBatch:
    """Read pairs; with `rng` their photos are changed a little."""
    from utils.face_crops import resized

    pairs = [shards.read(split, number) for number in numbers]
    crops = [resized(pair.crop if rng is None else changed(pair.crop, rng), size) for pair in pairs]
    templates = np.stack([pair.template for pair in pairs])
    return FaceBatch(torch.from_numpy(templates), torch.from_numpy(np.stack(crops)))


def changed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror (half the time), move by 5 %, turn by 5 degrees, scale by 5 % and tint a crop."""
    import cv2

    size = crop.shape[0]
    angle, scale = rng.uniform(-5, 5), rng.uniform(0.95, 1.05)
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, scale)
    matrix[:, 2] += rng.uniform(-0.05, 0.05, 2) * size
    moved = cv2.warpAffine(crop, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        moved = moved[:, ::-1]
    gain, shift = rng.uniform(0.85, 1.15, 3), rng.uniform(-12, 12)
    return np.clip(moved * gain + shift, 0, 255).astype(np.uint8)


def pictures(crops: Tensor) -> Tensor:
    """Return (B, 3, S, S) float32 in [-1, 1] of (B, S, S, 3) uint8."""
    return crops.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)


def to_bytes(made: Tensor) -> Tensor:
    """Return (B, S, S, 3) uint8 on the CPU of (B, 3, S, S) in [-1, 1]; what is beyond is clipped."""
    return made.float().mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu()


def at_crop(made: Tensor) -> Tensor:
    """Return pictures at a recogniser's 112 pixels."""
    if made.shape[-1] == 112:
        return made
    return F.interpolate(made, size=(112, 112), mode="bilinear", align_corners=False)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write an RGB picture as PNG or JPEG, aside and renamed."""
    from PIL import Image

    from utils.files import write_aside

    with write_aside(path) as aside:
        Image.fromarray(picture).save(aside)
