"""From a face feature to a frontal face: landmarks, a texture, and the two put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.faces import FACE_SIZE, FaceCrop, find_face, mean_shape
from data_gen.origins import marks_of
from modules.faces.face_warp import to_normalised, warp_face
from modules.speech_to_face.face_decoder import FaceDecoder
from modules.speech_to_face.face_space import SpaceDecoder
from modules.speech_to_face.losses import identity_loss
from tasks.core.board import Board
from tasks.core.task import Task
from tasks.speech_to_face.config import FaceDecoderConfig
from tasks.speech_to_face.data import DrawnFaces, FaceBatch, FaceSource
from tasks.speech_to_face.face_encoder import FaceEncoderTask, load_face_encoder
from tasks.speech_to_face.face_space import fit_sums
from tasks.speech_to_face.features import FaceFeatures, encode, features_of
from tasks.speech_to_face.figures import shape_correlations
from tasks.speech_to_face.pictures import decoder_picture, write_face
from tasks.speech_to_face.report import validate_into, write_report
from tasks.verdicts.intervals import bootstrap
from utils.errors import ConfigError, DataError
from utils.faces.detectors import make_detector
from utils.media.pictures import PICTURES, read_photo, write_picture

EYE_DISTANCE_NORMALISED = 0.56
"""Of the mean face, in normalised units."""


class FaceDecoderTask(Task):
    """Learn landmarks and texture, and that the face they make is recognised."""

    schema = FaceDecoderConfig
    cfg: FaceDecoderConfig
    network_settings = ("texture",)

    def __init__(self, config: FaceDecoderConfig) -> None:
        super().__init__(config)
        self.model: FaceDecoder | SpaceDecoder
        if self.cfg.network == "face_space":
            self.model = SpaceDecoder(self.cfg.feature_dim, size=self.cfg.size)
        else:
            self.model = FaceDecoder(self.cfg.feature_dim, size=self.cfg.size, width=self.cfg.width)
        if self.cfg.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        mean = to_normalised(torch.from_numpy(mean_shape()), FACE_SIZE)
        self.register_buffer("mean_landmarks", mean[None], persistent=False)
        self._data: FaceVoiceDataset | None = None
        self._features: FaceFeatures | None = None
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []

    # -- data ------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Open the data, load the face encoder, look the features up; begin from the mean landmarks."""
        cfg = self.cfg
        if cfg.size % 16:
            raise ConfigError(f"size = {cfg.size}: choose a multiple of 16")
        self._data = FaceVoiceDataset(cfg.binary_data_dir)
        encoder = load_face_encoder(cfg.face_encoder)
        if encoder.cfg.feature_dim != cfg.feature_dim:
            raise ConfigError(
                f"feature_dim = {cfg.feature_dim}, but {cfg.face_encoder} gives {encoder.cfg.feature_dim}. Set it so."
            )
        for split in ("train", "val"):
            if not self._data.entries(split):
                raise DataError(f"{self._data.path} has no {split} person with a face. Give more persons.")
        self.freeze("face_encoder", encoder)
        self._features = features_of(self._data, encoder)
        self.data_fingerprint = self._data.index.fingerprint

    def begin(self) -> None:
        """Begin from the mean landmarks; work out the sums that a face space is."""
        assert self._data is not None, "prepare() opens the data"
        if isinstance(self.model, SpaceDecoder):
            fit_sums(self.model, self._source("train"), self.unwarp)
            return
        entries = self._data.entries("train")[:200]
        points = np.concatenate([self._data.landmarks_px(entry) for entry in entries]).mean(0)
        self.model.start_from(to_normalised(torch.from_numpy(points), FACE_SIZE))

    def _source(self, split: Literal["train", "val"]) -> FaceSource:
        assert self._data is not None, "prepare() opens the data"
        return FaceSource(self._data, split, self.cfg.batch_size, self.cfg.size, features=self._features)

    def train_source(self) -> FaceSource:
        """Draw pictures of the training persons."""
        return self._source("train")

    def unique_samples(self) -> int:
        """Count the pictures of the training persons."""
        assert self._data is not None, "prepare() opens the data"
        return sum(len(self._data.persons[entry].faces) for entry in self._data.entries("train"))

    def val_source(self) -> Sequence[FaceBatch]:
        """Return the validation persons' pictures."""
        return self._source("val").whole(self.cfg.eval_max_faces)

    # -- drawing ---------------------------------------------------------------------------------------------------
    def render(self, feature: Tensor) -> DrawnFaces:
        """Draw the faces of features (B, F): landmarks, texture, and the texture warped to the landmarks."""
        decoded = self.model(feature)
        landmarks, texture = decoded.landmarks.float(), decoded.texture.float()
        return DrawnFaces(landmarks, texture, self.warp(texture, landmarks))

    def look(self, drawn: DrawnFaces) -> Tensor:
        """Return the face features (B, F) of drawn faces, as the face encoder sees them."""
        return self.encoder.features(drawn.face, drawn.landmarks).float()

    def warp(self, texture: Tensor, landmarks: Tensor) -> Tensor:
        """Bring textures (B, 3, H, W) of the mean shape to landmarks (B, 68, 2); photographs stay as they are."""
        if self.cfg.texture == "photo":
            return texture
        return warp_face(texture, self._mean(landmarks), landmarks)

    def unwarp(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Return the texture of pictures (B, 3, H, W): their face, at landmarks (B, 68, 2), in the mean shape."""
        if self.cfg.texture == "photo":
            return images
        return warp_face(images, landmarks, self._mean(landmarks))

    def _mean(self, landmarks: Tensor) -> Tensor:
        return self.mean_landmarks.expand(len(landmarks), -1, -1)  # type: ignore[operator]

    # -- losses ----------------------------------------------------------------------------------------------------
    def losses(self, batch: FaceBatch) -> dict[str, Tensor]:
        """Compare landmarks, textures and, with the face encoder, who it looks like; each a mean ()."""
        weights = self.cfg.weights
        decoded = self.model(batch.feature)
        landmarks, texture = decoded.landmarks.float(), decoded.texture.float()
        losses = {"landmarks": (landmarks - batch.landmarks).square().mean()}
        if weights.texture:
            with torch.no_grad():
                wanted = self.unwarp(batch.images, batch.landmarks)
            losses["texture"] = (texture - wanted).abs().mean()
        if weights.identity and self.training:
            count = max(1, round(self.cfg.identity_share * len(landmarks)))
            face = self.warp(texture[:count], landmarks[:count])
            again = self.encoder.features(face, landmarks[:count]).float()
            losses["identity"] = identity_loss(again, batch.feature[:count])
        return losses

    @property
    def encoder(self) -> FaceEncoderTask:
        """Return the frozen face encoder."""
        task = self.frozen["face_encoder"]
        assert isinstance(task, FaceEncoderTask)
        return task

    def on_validation_epoch_start(self) -> None:
        """Forget the previous validation."""
        self.seen = []

    def validation_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """Log losses, how much the drawn face is taken for the person, and how far off the landmarks are."""
        size = len(batch.images)
        drawn = self.render(batch.feature)
        cosine = F.cosine_similarity(self.look(drawn), batch.feature, dim=1)
        losses = {
            "landmarks": (drawn.landmarks - batch.landmarks).square().mean(),
            "texture": (drawn.texture - self.unwarp(batch.images, batch.landmarks)).abs().mean(),
            "identity": 1 - cosine.mean(),
        }
        self.weigh(losses, "val", size)
        error = (drawn.landmarks - batch.landmarks).norm(dim=-1).mean() / EYE_DISTANCE_NORMALISED
        self.note({"val/face_cosine": cosine.mean(), "val/landmark_error": error}, size)
        self.seen.append((drawn.landmarks, batch.landmarks, cosine))

    def on_validation_epoch_end(self) -> None:
        """Write the evaluation when that is all that was asked."""
        if self.trainer.state.fn != "fit" and self.work_dir is not None and self.trainer.is_global_zero:
            write_decoder_evaluation(self)

    def evaluate(self, folder: Path) -> None:
        """Validate, which writes `evaluation.json`, `.md` and `.png`, here into `folder`, and print the figures."""
        validate_into(self, folder)

    # -- pictures and use ------------------------------------------------------------------------------------------
    def draw(self, board: Board) -> None:
        """Show photographs, textures, and the drawn faces with their landmarks."""
        batches = {"unseen": self._source("val").whole(6)[0]}
        batches["training"] = self._source("train").batch(np.random.default_rng(0))
        for name, batch in batches.items():
            few = FaceBatch(*(part[:6].to(self.device) for part in batch))
            picture = decoder_picture(self, few)
            board.image(f"faces/{name}", picture)
            if self.cfg.save_images and self.work_dir is not None:
                target = self.work_dir / "images" / f"{name}_{self.updates:07d}.png"
                write_picture(target, picture, marks_of(self, "comparison"))

    @torch.no_grad()
    def reface(self, crop: FaceCrop) -> Tensor:
        """Return the face feature (F,) of an aligned picture."""
        if "face_encoder" not in self.frozen:
            self.freeze("face_encoder", load_face_encoder(self.cfg.face_encoder))
        return encode(self.encoder, crop.picture[None], crop.landmarks_px[None])[0]

    def infer(self) -> None:
        """Draw the person of `infer_image` frontal; every picture of a folder."""
        if not self.cfg.infer_image:
            raise ConfigError("Say which picture: --infer_image=photo.jpg")
        source, out = Path(self.cfg.infer_image), Path(self.cfg.infer_out_image_name)
        jobs = faces_to_write(source, out) if source.is_dir() else {source: out}
        if not jobs:
            raise DataError(f"No picture in {source}.")
        refused, marks = 0, marks_of(self, "picture")
        with make_detector(self.cfg.infer_detector) as detector:
            for path, target in jobs.items():
                try:
                    crop = find_face(read_photo(path), detector)
                except DataError as error:
                    if len(jobs) == 1:
                        raise DataError(f"{path}: {error}") from None
                    print(f"skipped {path}: {error}")
                    refused += 1
                    continue
                write_face(self, self.reface(crop), target, marks)
                print(target)
        if refused == len(jobs):
            raise DataError(f"No face in any picture of {source}.")


def write_decoder_evaluation(task: FaceDecoderTask) -> None:
    """Write `evaluation.json`, `.md` and `.png` of a face decoder into its run's folder."""
    assert task.work_dir is not None
    drawn, true, cosine = (torch.cat(parts).double().cpu().numpy() for parts in zip(*task.seen, strict=True))
    batches = task.val_source()
    groups = torch.cat([batch.person for batch in batches]).numpy()[: len(cosine)]
    error = np.linalg.norm(drawn - true, axis=-1).mean(1) / EYE_DISTANCE_NORMALISED
    figures = {
        "face-to-face cosine": bootstrap(cosine, groups),
        "landmark error (eye distances)": bootstrap(error, groups),
        **shape_correlations(drawn, true, groups),
    }
    about = {"faces": len(cosine), "checkpoint": task.source, "data": task.cfg.binary_data_dir}
    write_report(task.work_dir, about, figures)


def faces_to_write(folder: Path, out: Path) -> dict[Path, Path]:
    """Map the pictures of a folder to the files that their faces go to; those of one name keep their suffix in it."""
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    stems = Counter(path.stem for path in pictures)
    return {path: out / f"{path.stem if stems[path.stem] == 1 else path.name}.png" for path in pictures}
