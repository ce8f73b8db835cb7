"""Settings of the voice encoders, the face encoder and the face decoder."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Fraction, Layers, Positive, Weight, Whole
from utils.media.marks.settings import MarkSettings


class VoiceWeights(Config):
    """How much each loss counts; 0 turns it off, and spares what it needs."""

    direction: Weight = 1.0
    """Squared distance of the unit features (published: c1 = 0.025)."""
    distil: Weight = 0.1
    """Cross-entropy of the face encoder's softened answers (published: c2 = 200, summed over the batch)."""
    decoder: Weight = 1.0
    """Distance of the face decoder's trunk (published: c3 = 1); needs a trained face decoder."""
    contrastive: Weight = 0.0
    """InfoNCE: find the face to the voice among the batch, and the voice to the face; helps retrieval."""


class VoiceConfig(TaskConfig, MarkSettings):
    """What does the owner of this voice look like?"""

    renamed = {"infer_audio": "infer_audio_source_name", "infer_out": "infer_out_image_name"}

    binary_data_dir: str = "data/binary/face_voice"
    """Persons with voices and faces (python data_gen/run.py face_voice)."""
    face_encoder: str = "checkpoints/face_voice/face_encoder"
    """Run of face_encoder, or the file of the published VGG-Face."""
    face_decoder_work_dir: str = "checkpoints/face_voice/face_decoder"
    """Run of face_decoder; needed by its loss, by pictures and by --infer."""
    pairing: Literal["one_to_one", "all_to_one", "all_to_all", "mean"] = "mean"
    """Which face goes with a sound: the person's mean feature, the first picture, the same number, each."""
    feature_dim: Count = 4096
    """Length of the face feature; that of the face encoder."""
    batch_size: Count = 8
    """Pairs in a batch."""
    random_crop: bool = True
    """Train on any part of a sound, not on its start."""
    loss_reduction: Literal["row", "batch"] = "row"
    """row: mean over rows. batch: the published reductions, for comparison."""
    temperature: Positive = 2.0
    """Softening of the face encoder's answers."""
    contrastive_temperature: Positive = 0.07
    """Sharpness of the contrastive loss."""
    early_stopping_patience: int = 0
    """Stop after more validations than this without a smaller total loss; 0 never."""
    eval_max_pairs: Count = 500
    """Validate on at most so many pairs."""
    save_images: bool = False
    """Write the faces of each validation as PNG into the run's folder too; needs a face decoder."""
    weights: VoiceWeights = VoiceWeights()
    """How much each loss counts."""
    infer_audio_source_name: str = ""
    """--infer: the voice, any file with sound."""
    infer_out_image_name: str = "infer_out/face.png"
    """--infer: where the face goes."""
    infer_max_windows: Count = 20
    """--infer: average the features of up to so many windows of a long sound."""


class FaceEncoderWeights(Config):
    """How much each loss counts; 0 turns it off."""

    identity: Weight = 1.0
    """Cross-entropy of who it is among the training persons."""
    landmarks: Weight = 0.0
    """Squared error of the face's shape, read from the feature by one more layer, so that the feature holds shapes."""


class FaceEncoderConfig(TaskConfig):
    """Who is it? The face feature that the voice encoders and the face decoder speak."""

    binary_data_dir: str = "data/binary/faces"
    """Persons with faces (python data_gen/run.py face_voice --faces_only)."""
    network: Literal["vgg16", "iresnet50", "vgg_face", "face_space"] = "vgg16"
    """VGG-16 with batch norm, IResNet-50; face_space: what a voice tells of shape and colours, worked out before the
    first update; or vgg_face: as published, not for training."""
    size: Count = 224
    """Side of the picture the network sees; a multiple of 32."""
    width: Positive = 1.0
    """Factor on the network's channels."""
    feature_dim: Count = 4096
    """Length of the face feature."""
    classes: int = 0
    """Persons of the last layer; 0 counts those of the data."""
    margin: Weight = 0.0
    """CosFace margin, for example 0.2; 0 is plain softmax."""
    scale: Positive = 16.0
    """CosFace scale; used with a margin."""
    inputs: Literal["rgb01", "bgr_mean"] = "rgb01"
    """What published weights expect; the published face decoder was trained with rgb01."""
    label_dropout: Fraction = 0.0
    """Chance that an element of the feature is silenced before the last layer while training."""
    weight_decay: Weight = 5e-4
    """Pull of the weights towards 0."""
    augment: bool = True
    """Mirror the pictures, and change light, place and scale a little."""
    colour_jitter: Fraction = 0.0
    """How far to change hue, saturation and tones while training: 0 not at all, 1 from grey to any colour. Where
    colours alone tell the training persons apart, this makes the feature look elsewhere."""
    batch_size: Count = 32
    """Pictures in a batch."""
    eval_max_faces: Count = 1000
    """Validate on at most so many pictures."""
    channels_last: bool = True
    """Lay pictures out pixel by pixel, which is quicker on most processors."""
    weights: FaceEncoderWeights = FaceEncoderWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/auc"
    """The validation figure that chooses the best checkpoint."""
    valid_monitor_mode: Literal["min", "max"] = "max"
    """Whether a small or a large figure is good."""


class FaceDecoderWeights(Config):
    """How much each loss counts; 0 turns it off."""

    landmarks: Weight = 100.0
    """Squared error of the landmarks, in halves of the picture's side."""
    texture: Weight = 20.0
    """Absolute error of the texture, colours from 0 to 1. Far below 20 the identity loss draws blots that the encoder
    takes for the person."""
    identity: Weight = 0.5
    """1 less the cosine of the input feature and the drawn face's own, with gradient through warp and encoder."""


class FaceDecoderConfig(TaskConfig, MarkSettings):
    """Draw the face of a face feature."""

    renamed = {"infer_out": "infer_out_image_name"}

    binary_data_dir: str = "data/binary/face_voice"
    """Persons with faces (python data_gen/run.py face_voice); voices are not needed."""
    face_encoder: str = "checkpoints/face_voice/face_encoder"
    """Run of face_encoder, or the file of the published VGG-Face."""
    feature_dim: Count = 4096
    """Length of the face feature; that of the face encoder."""
    network: Literal["published", "face_space"] = "published"
    """The published network, or face_space: a sum of what each number of the feature adds, worked out before the first
    update."""
    size: Count = 224
    """Side of the face drawn, a multiple of 16."""
    width: Positive = 1.0
    """Factor on the network's widths."""
    texture: Literal["canonical", "photo"] = "canonical"
    """canonical: the texture has the mean face's shape and is warped to the landmarks. photo: it is the picture itself,
    as in the published code, and is not warped."""
    batch_size: Count = 16
    """Pictures in a batch."""
    identity_share: Fraction = 1.0
    """Share of the batch that the identity loss looks at."""
    eval_max_faces: Count = 500
    """Validate on at most so many pictures."""
    save_images: bool = False
    """Write the pictures of each validation as PNG into the run's folder too."""
    channels_last: bool = True
    """Lay pictures out pixel by pixel, which is quicker on most processors."""
    lr: Positive = 1e-3
    """Step size of Adam."""
    weights: FaceDecoderWeights = FaceDecoderWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/face_cosine"
    """The validation figure that chooses the best checkpoint."""
    valid_monitor_mode: Literal["min", "max"] = "max"
    """Whether a small or a large figure is good."""
    infer_image: str = ""
    """--infer: a photograph of any size, or a folder of them."""
    infer_out_image_name: str = "infer_out/face.png"
    """--infer: where the face goes; a folder when infer_image is one."""
    infer_detector: str = "auto"
    """--infer: landmark detector: auto, mediapipe, face_alignment, dlib."""


class VeConvConfig(VoiceConfig):
    """What does the owner of this voice look like? Speech2Face's convolutional voice encoder."""

    spectrogram: Literal["reim", "magphase"] = "reim"
    """reim: real and imaginary part, as the paper; magphase: magnitude and phase, as the published code."""
    audio_seconds: Positive = 6.0
    """Seconds heard at once; at least 2.7."""
    width: Positive = 1.0
    """Factor on the network's channels; 0.25 suits a few hundred persons."""
    recompute: bool = False
    """Save two thirds of the memory for a quarter more time."""
    channels_last: bool = True
    """Lay spectrograms out pixel by pixel, which is quicker on most processors."""
    lr: Positive = 1e-3
    """Step size of Adam (betas 0.5, 0.999, epsilon 1e-4)."""
    lr_decay: Fraction = 0.95
    """Factor on the step size every `lr_decay_updates`."""
    lr_decay_updates: Positive = 10_000
    """See lr_decay."""


class VeRidgeConfig(VoiceConfig):
    """What does the owner of this voice look like? A regression on what is measured of the voice."""

    audio_seconds: Positive = 10.0
    """Sounds are measured as a whole; of very long ones so many seconds times infer_max_windows."""
    hidden: Count = 256
    """Width of the part that is not linear."""
    weights: VoiceWeights = VoiceWeights(direction=0.2, distil=0.0, decoder=0.0, contrastive=1.0)
    """How much each loss counts."""


class VeAstConfig(VoiceConfig):
    """What does the owner of this voice look like? A transformer trained on sounds, taught faces."""

    pretrained: str = "ast_audioset"
    """Where the transformer's weights come from: an asset's name, a folder in transformers' layout, or none for
    random ones."""
    audio_seconds: Positive = 10.26
    """Seconds heard at once."""
    rows: Count = 1024
    """Frames of 10 ms of the input; a change of it fits no pretrained weights."""
    bank_mean: float = -5.460994
    """Mean of the filter banks over the training data."""
    bank_std: Positive = 3.1129124
    """Spread of the filter banks over the training data."""
    hidden: Count = 768
    """Width of the transformer."""
    layers: Layers = 12
    """Blocks."""
    heads: Layers = 12
    """Attention heads of a block."""
    patch_stride: Count = 10
    """Step of the patches both ways."""
    head_updates: Count = 10_000
    """First phase: only the head learns, for so many updates or until early stopping."""
    fine_tune: bool = True
    """Second phase: the transformer learns too."""
    fine_tune_layers: int = 0
    """How many of the last blocks learn in the second phase; 0 is all of the transformer."""
    lr: Positive = 1e-4
    """Step size of Adam in the first phase."""
    batch_size_fine_tune: Whole = 0
    """Pairs in a batch of the second phase, whose gradients take more memory (published: 2); 0 is batch_size."""
    lr_fine_tune: Positive = 1e-6
    """Step size of Adam in the second phase."""

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.hidden % self.heads:
            raise PydanticCustomError("heads", "hidden has to be a multiple of heads")
        return self
