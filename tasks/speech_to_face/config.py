"""Settings that both voice encoders share."""

from __future__ import annotations

from typing import Literal

from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Positive, Weight


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


class VoiceConfig(TaskConfig):
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
    weights: VoiceWeights = VoiceWeights()
    """How much each loss counts."""
    infer_audio_source_name: str = ""
    """--infer: the voice, any file with sound."""
    infer_out_image_name: str = "infer_out/face.png"
    """--infer: where the face goes."""
    infer_max_windows: Count = 20
    """--infer: average the features of up to so many windows of a long sound."""
