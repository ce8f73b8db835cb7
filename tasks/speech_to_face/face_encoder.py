"""Train a face encoder on any folder of labelled faces, or take the published VGG-Face."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.faces import FACE_SIZE, mean_shape
from modules.faces.face_warp import to_normalised
from modules.faces.vgg_face import from_keras
from modules.speech_to_face.face_encoder import PUBLISHED_CLASSES, FaceEncoder
from modules.speech_to_face.face_space import STILL, SpaceEncoder, shape_of
from tasks.core.board import Board
from tasks.core.checkpoints import work_dir_of
from tasks.core.loading import load_task
from tasks.core.task import Task
from tasks.speech_to_face.config import FaceEncoderConfig
from tasks.speech_to_face.data import FaceBatch, FaceSource
from tasks.speech_to_face.face_space import fit_directions
from tasks.speech_to_face.figures import bootstrap_auc, verification
from tasks.speech_to_face.report import validate_into, write_report
from tasks.weights.read import read_file
from utils.drawing.canvas import grid_of
from utils.errors import ConfigError, DataError, UserError
from utils.faces.landmarks import MIRROR
from utils.files.digests import sha256

log = logging.getLogger(__name__)
PUBLISHED = {".pt", ".pth", ".h5", ".safetensors"}


class FaceEncoderTask(Task):
    """Tell the training persons apart; judged by telling unseen persons apart."""

    schema = FaceEncoderConfig
    cfg: FaceEncoderConfig
    mean_landmarks: Tensor
    in_words = ("auc", "tells persons apart: {:.2f} of 1")
    network_settings = ("inputs", "margin", "scale")

    def __init__(self, config: FaceEncoderConfig) -> None:
        super().__init__(config)
        self._data: FaceVoiceDataset | None = None
        cfg = self.cfg
        mean = to_normalised(torch.from_numpy(mean_shape()), FACE_SIZE)
        space = SpaceEncoder(cfg.feature_dim, mean, torch.from_numpy(MIRROR)) if cfg.network == "face_space" else None
        self.model = FaceEncoder(
            cfg.network, cfg.classes or PUBLISHED_CLASSES, feature_dim=cfg.feature_dim, size=cfg.size,
            width=cfg.width, margin=cfg.margin, scale=cfg.scale, inputs=cfg.inputs, space=space,
        )  # fmt: skip
        self.register_buffer("mean_landmarks", mean, persistent=False)
        self.shape = torch.nn.Linear(cfg.feature_dim, 2 * STILL) if cfg.weights.landmarks else None
        if cfg.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._seen: list[tuple[Tensor, Tensor]] = []

    @classmethod
    def resolved(cls, config: FaceEncoderConfig) -> FaceEncoderConfig:
        """Count the persons of the data where the settings do not say how many there are."""
        if config.classes or config.network == "vgg_face":
            return config
        return config.model_copy(update={"classes": len(cls.labels(FaceVoiceDataset(config.binary_data_dir)))})

    def data(self) -> FaceVoiceDataset:
        """Open the data once."""
        if self._data is None:
            self._data = FaceVoiceDataset(self.cfg.binary_data_dir)
        return self._data

    @staticmethod
    def labels(data: FaceVoiceDataset) -> dict[int, int]:
        """Number the training persons: dataset's number of the person -> class."""
        numbers = sorted({data.numbers[entry] for entry in data.entries("train")})
        return {number: label for label, number in enumerate(numbers)}

    def prepare(self) -> None:
        """Check that the data has the persons of the network."""
        if self.cfg.network == "vgg_face":
            raise ConfigError("network = vgg_face is for published weights; train vgg16 or iresnet50.")
        data = self.data()
        count = len(self.labels(data))
        if count != self.cfg.classes:
            raise DataError(f"{data.path} has {count} training persons, the network {self.cfg.classes}.")
        if len(data.entries("val")) < 2:
            raise DataError(f"{data.path} has no two validation persons to tell apart. Make it with a larger --val.")
        self.data_fingerprint = data.index.fingerprint

    def begin(self) -> None:
        """Work out the directions of a face space, where the network is one."""
        if isinstance(self.model.backbone, SpaceEncoder):
            sure = fit_directions(self.model.backbone, self.data())
            log.info("Correlations of faces with what they are told by, of persons left out: %s", sure)

    def train_source(self) -> FaceSource:
        """Draw pictures of the training persons."""
        labels = self.labels(self.data())
        of_entry = {e: labels[self.data().numbers[e]] for e in self.data().entries("train")}
        cfg = self.cfg
        return FaceSource(
            self.data(), "train", cfg.batch_size, cfg.size, labels=of_entry, augment=cfg.augment,
            colour_jitter=cfg.colour_jitter,
        )  # fmt: skip

    def unique_samples(self) -> int:
        """Count the pictures of the training persons."""
        return sum(len(self.data().persons[entry].faces) for entry in self.data().entries("train"))

    def val_source(self) -> Sequence[FaceBatch]:
        """Return the validation persons' pictures."""
        return FaceSource(self.data(), "val", self.cfg.batch_size, self.cfg.size).whole(self.cfg.eval_max_faces)

    def schedule(self, update: int) -> float:
        """Rise over the first hundredth, fall along a cosine."""
        share = min(1.0, update / self.cfg.max_updates)
        return min(1.0, (update + 1) / (1 + 0.01 * self.cfg.max_updates)) * 0.5 * (1 + math.cos(math.pi * share))

    def configure_optimizers(self) -> Any:
        """Return AdamW with `schedule`."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.cfg.lr, weight_decay=self.cfg.weight_decay, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def features(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Return the face features (B, F) of images (B, 3, H, W) in 0..1 with landmarks (B, 68, 2), normalised."""
        if self.cfg.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return self.model(images, landmarks)

    def losses(self, batch: FaceBatch) -> dict[str, Tensor]:
        """Cross-entropy over the training persons; unseen persons have none."""
        if not self.training:
            return {}
        feature = F.dropout(self.features(batch.images, batch.landmarks), self.cfg.label_dropout, self.training)
        losses = {"identity": self.model.classify(feature, batch.person)}
        if self.shape is not None:
            offsets = self.shape(feature).unflatten(1, (STILL, 2))
            losses["landmarks"] = (offsets.float() - shape_of(batch.landmarks, self.mean_landmarks)).square().mean()
        return losses

    def validation_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """Keep the features; they are compared when all are there."""
        self._seen.append((self.features(batch.images, batch.landmarks).float(), batch.person))

    def on_validation_epoch_start(self) -> None:
        """Forget the previous validation."""
        self._seen = []

    def on_validation_epoch_end(self) -> None:
        """Compare all pairs of unseen pictures."""
        feature, person = (torch.cat(parts) for parts in zip(*self._seen, strict=True))
        self.note({f"val/{name}": value for name, value in verification(feature, person).items()})
        if self.trainer.state.fn != "fit" and self.work_dir is not None and self.trainer.is_global_zero:
            write_encoder_evaluation(self, feature, person)

    def evaluate(self, folder: Path) -> None:
        """Validate, which writes `evaluation.json`, `.md` and `.png`, here into `folder`, and print the figures."""
        validate_into(self, folder)

    def draw(self, board: Board) -> None:
        """Show unseen pictures with the ones that the encoder finds most alike."""
        import numpy as np

        batches = self.val_source()[:4]
        images = torch.cat([batch.images for batch in batches])
        parts = [self.features(b.images.to(self.device), b.landmarks.to(self.device)) for b in batches]
        feature = F.normalize(torch.cat(parts), dim=1)
        alike = feature @ feature.T
        alike.fill_diagonal_(-1)
        step = max(1, len(images) // 6)
        asked = list(range(0, len(images), step))[:6]

        def pictures(numbers: list[int]) -> list[np.ndarray]:
            return [(images[i].permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8) for i in numbers]

        nearest = alike[asked].topk(2, dim=1).indices
        board.image("unseen/nearest", grid_of({
            "asked": pictures(asked), "nearest": pictures(nearest[:, 0].tolist()),
            "second": pictures(nearest[:, 1].tolist()),
        }, size=112))  # fmt: skip


def load_face_encoder(where: str, *, fc6_rows: Literal["chw", "hwc"] = "chw") -> FaceEncoderTask:
    """Load a trained face encoder by its run, or published VGG-Face weights by their file, in eval mode.

    Args:
        where: A run, its folder or checkpoint; or a .pt, .pth, .safetensors or .h5 file of VGG-Face.
        fc6_rows: `hwc` mends .pt files whose converter kept Keras's order.

    Raises:
        UserError: There is no such file or run, or it is of another kind.
    """
    path = Path(where)
    if path.suffix in PUBLISHED:
        return _published(path, fc6_rows)
    try:
        task = load_task(where, "best")
    except UserError as error:
        raise DataError(
            f"No face encoder at {work_dir_of(where)}: {error} Or give the file of the published VGG-Face weights."
        ) from None
    if not isinstance(task, FaceEncoderTask):
        raise ConfigError(f"{where} is a run of '{task.cfg.task_cls}', not of face_encoder.")
    return task


def _published(path: Path, fc6_rows: Literal["chw", "hwc"]) -> FaceEncoderTask:
    if not path.is_file():
        raise DataError(f"No weights at {path}.")
    task = FaceEncoderTask(FaceEncoderConfig(task_cls="face_encoder", network="vgg_face", channels_last=False))
    try:
        state = read_published(path)
        assert task.model.kind == "vgg_face"
        task.model.backbone.load_published(state, fc6_rows=fc6_rows)  # type: ignore[operator]
    except ValueError as error:
        raise DataError(f"{path} does not hold VGG-Face: {error}.") from None
    task.source = {"path": str(path), "updates": 0, "sha256": sha256(path), "fc6_rows": fc6_rows}
    return task.eval()


def read_published(path: Path) -> dict[str, Tensor]:
    """Read published weights in their PyTorch layout from .pt, .safetensors or Keras .h5.

    Raises:
        UserError: The file is damaged, or h5py is missing.
        ValueError: A Keras file has other layers.
    """
    file = read_file(path)
    if file.kind == "keras":
        arrays = list(file.tensors.values())
        return from_keras(list(zip(arrays[::2], arrays[1::2], strict=True)))
    return file.inside("model_state_dict")


def write_encoder_evaluation(task: FaceEncoderTask, feature: Tensor, person: Tensor) -> None:
    """Write `evaluation.json`, `.md` and `.png` of a face encoder into its run's folder.

    `feature` is (N, F), `person` (N,) the numbers of whose faces they are.
    """
    assert task.work_dir is not None
    feature, person = feature.cpu(), person.cpu()
    figures = {"verification AUC": bootstrap_auc(feature, person)}
    names = {"balanced_accuracy": "balanced accuracy", "cosine_same": "cosine, same person",
             "cosine_other": "cosine, two persons"}  # fmt: skip
    figure_of = verification(feature, person)
    figures |= {name: {"mean": float(figure_of[key])} for key, name in names.items() if key in figure_of}
    about = {"faces": len(feature), "persons": len(person.unique()), "checkpoint": task.source,
             "data": task.cfg.binary_data_dir}  # fmt: skip
    write_report(task.work_dir, about, figures)
