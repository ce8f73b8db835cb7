"""Settings of the template decoder."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

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

    overrules = {"num_epochs": "max_updates"}

    binary_data_dir: str = "data/binary/templates"
    """What `data_gen/run.py templates` made."""
    network: Literal["naive", "large", "fr", "light", "face_space"] = "fr"
    """naive and large make 128 pixels, fr makes 112; light, too, at a quarter of the time. face_space, for few photos,
    adds up components of shape and of colour, worked out before the first update: it makes faces from the start on."""
    normalize_templates: bool = True
    """Bring templates to length 1 first."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """How its pictures are normalised: (colour - mean) / std of red, green, blue from 0 to 1, which pixel, laplace and
    adversarial losses compare. Kept in the run: what is inferred or exported is RGB in any case."""
    std: tuple[Positive, Positive, Positive] = (0.5, 0.5, 0.5)
    """See mean. ImageNet's are mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]."""
    swap_red_blue: bool = False
    """Learn blue, green, red; mean and std are then in that order."""
    batch_size: Count = 64
    """Pairs in a training step."""
    augment: bool = False
    """Mirror, move and tint the photos a little; the template stays that of the photo as it is."""
    perceptor: Literal["fr", "fr_published", "vgg11", "resnet18", "effnetb0", "none"] = "fr"
    """Whose maps the perceptual loss compares: a face recogniser's, those of ImageNet's VGG-11, ResNet-18 or
    EfficientNet-B0, or nobody's. fr_published: an IResNet's as in the published code, whose list lost the last of the
    four stages: four terms instead of five."""
    perceptor_weights: str = ""
    """resnet18, effnetb0: a folder of config.json and model.safetensors, as huggingface.co has them
    (microsoft/resnet-18, google/efficientnet-b0). fr: an IResNet-50/100 (.pth, .safetensors) or an ONNX recogniser;
    empty: the one that made the templates."""
    from_afar: bool = False
    """While training, show recogniser and perceptor pictures that are moved a little and softened, made and real alike:
    noise that only fools them then earns nothing."""
    recogniser_after: Whole = 0
    """Learn from pixels alone for so many updates: there should be a face before a recogniser corrects it."""
    num_epochs: Whole = 0
    """Go so often through the training pairs instead of counting max_updates; 0 counts max_updates. An epoch is as many
    pairs as there are, drawn at random: pairs / (batch_size x accumulate_grad_batches) updates, rounded up."""
    max_batches_per_train_epoch: Whole = 0
    """End an epoch of num_epochs after so many batches; 0: when all pairs were drawn."""
    lr: Positive = 1e-3
    """Step size of Adam at the start."""
    lr_scheduler: Literal["Cosine", "StepPlateau"] = "Cosine"
    """Cosine: it falls to min_lr along half a cosine. StepPlateau: to a fifth whenever val/total_loss has not become
    smaller in three validations, never below min_lr."""
    min_lr: Positive | None = None
    """The smallest step size; a hundredth of lr when not given. The critic's falls by the same share."""
    critic_lr: Positive = 1e-3
    """Step size of the critic's Adam."""
    clip_grad_norm: Weight = 10.0
    """Scale gradients down to this norm; 0 leaves them alone."""
    save_powers: bool = True
    """Also keep a checkpoint and control pictures after 100, 1,000, 10,000 and 100,000 samples."""
    visualize_each_step: Whole = 0
    """Draw the control pictures every so many updates, too; 0: at validations only."""
    control_samples: Count = 9
    """Validation photos that are drawn beside their reconstructions."""
    eval_max_samples: Count = 512
    """Validation pairs that are measured, spread over the people."""
    eval_second: str = ""
    """--evaluate: a recogniser that the decoder was not trained on, for example dlib, to measure with as well."""
    eval_per_identity: Whole = 0
    """--evaluate: take at most so many photos of a person; 0 takes all."""
    eval_max_photos: Whole = 10_000
    """--evaluate: take at most so many photos, spread evenly; 0 takes all."""
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
    infer_out_image_name: str = ""
    """--infer: the one picture to write in place of a folder: the face, or a sheet of many."""
    infer_recogniser: str = ""
    """--infer: where the templates' recogniser lies now; empty: the name it had."""
    infer_aligned: bool = False
    """--infer: the photos are aligned crops already."""

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.min_lr is not None and self.min_lr > self.lr:
            raise PydanticCustomError("rates", "min_lr has to be lr or smaller")
        plain = self.mean == self.std == (0.5,) * 3 and not self.swap_red_blue
        if self.network == "face_space" and not plain:
            raise PydanticCustomError("units", "network = face_space makes RGB: leave out mean, std, swap_red_blue")
        return self
