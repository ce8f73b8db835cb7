"""What both voice encoders share: the data, the losses, retrieval, pictures, inference."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset, VoicePair
from data_gen.face_voice.sound import clean_speech, windows
from data_gen.origins import marks_of
from modules.speech_to_face.losses import contrastive_loss, decoder_loss, direction_loss, distil_loss
from tasks.core.board import Board
from tasks.core.checkpoints import work_dir_of
from tasks.core.config import BatchSource
from tasks.core.loading import load_task
from tasks.core.stopping import EarlyStopper
from tasks.core.task import Task
from tasks.speech_to_face.config import VoiceConfig
from tasks.speech_to_face.data import VoiceBatch, VoiceSource
from tasks.speech_to_face.face_decoder import FaceDecoderTask
from tasks.speech_to_face.face_encoder import FaceEncoderTask, load_face_encoder
from tasks.speech_to_face.features import FaceFeatures, features_of
from tasks.speech_to_face.figures import Recall, retrieve
from tasks.speech_to_face.pictures import heard_and_seen, similarity_picture, write_face
from tasks.speech_to_face.report import validate_into
from tasks.speech_to_face.voice_report import write_evaluation
from utils.arrays import Floats
from utils.errors import ConfigError, DataError, UserError
from utils.media.pictures import write_picture
from utils.media.wav import read_wav
from utils.progress import Progress


class _Seen(NamedTuple):
    heard: Tensor
    feature: Tensor
    entry: Tensor
    total: Tensor


class VoiceTask(Task):
    """Learn the face feature of a voice; a subclass says how a voice is heard."""

    cfg: VoiceConfig
    signed = False
    """Whether the numbers of a feature heard may be negative, as those of a face space are."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__(config)
        self.model: nn.Module = self.make_model()
        self.stopper = EarlyStopper(self.cfg.early_stopping_patience)
        self._data: FaceVoiceDataset | None = None
        self._features: FaceFeatures | None = None
        self._seen: list[_Seen] = []
        self.recall: Recall | None = None

    @abstractmethod
    def make_model(self) -> nn.Module:
        """Build the network."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """Return how many samples the network hears at once."""

    @abstractmethod
    def hearing(self) -> partial[Tensor]:
        """Return what turns (samples,) float32 into the network's input; picklable."""

    @property
    def batch_size(self) -> int:
        """Return how many pairs are drawn for a training batch."""
        return self.cfg.batch_size

    # -- data ------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Open the data, load the face encoder and what the losses need, and look the face features up."""
        cfg = self.cfg
        self._data = FaceVoiceDataset(cfg.binary_data_dir)
        encoder = load_face_encoder(cfg.face_encoder)
        if encoder.cfg.feature_dim != cfg.feature_dim:
            raise ConfigError(
                f"feature_dim = {cfg.feature_dim}, but {cfg.face_encoder} gives {encoder.cfg.feature_dim}. Set it so."
            )
        if encoder.cfg.network == "face_space" and not self.signed:
            raise ConfigError(
                f"{cfg.face_encoder} is a face space, whose features may be negative; {cfg.task_cls} says none such. "
                "Take ve_ridge, or train another face encoder."
            )
        self.freeze("face_encoder", encoder)
        self._features = features_of(self._data, encoder)
        self.data_fingerprint = self._data.index.fingerprint
        decoder = self._decoder()
        if decoder is not None:
            self.freeze("face_decoder", decoder)

    def _decoder(self) -> FaceDecoderTask | None:
        """Load the face decoder; None when it is missing and no loss needs it."""
        try:
            decoder = load_task(self.cfg.face_decoder_work_dir, "best")
        except UserError as error:
            if self.cfg.weights.decoder:
                raise DataError(
                    f"No face decoder at {work_dir_of(self.cfg.face_decoder_work_dir)}: {error} Train it, or set "
                    "weights.decoder=0."
                ) from None
            return None
        if not isinstance(decoder, FaceDecoderTask):
            raise ConfigError(f"{self.cfg.face_decoder_work_dir} is not a run of face_decoder.")
        if decoder.cfg.feature_dim != self.cfg.feature_dim:
            raise ConfigError(
                f"feature_dim = {self.cfg.feature_dim}, but the face decoder reads {decoder.cfg.feature_dim}."
            )
        return decoder

    def _source(self, split: Literal["train", "val"], size: int) -> VoiceSource:
        assert self._data is not None, "prepare() opens the data"
        assert self._features is not None, "prepare() looks the features up"
        cfg = self.cfg
        return VoiceSource(
            self._data, split, cfg.pairing, size, self.samples, self.hearing(), self._features,
            random_crop=cfg.random_crop,
        )  # fmt: skip

    def train_source(self) -> BatchSource:
        """Draw pairs of the training persons."""
        return self._source("train", self.batch_size)

    def unique_samples(self) -> int:
        """Count the pairs of the training persons."""
        return len(self._source("train", 1).pairs)

    def val_source(self) -> Sequence[VoiceBatch]:
        """Return the pairs of the validation persons."""
        return self._source("val", self.cfg.batch_size).whole(self.cfg.eval_max_pairs)

    # -- losses ----------------------------------------------------------------------------------------------------
    def hear(self, sound: Tensor) -> Tensor:
        """Return the features heard, (B, F)."""
        return self.model(sound)

    def losses(self, batch: VoiceBatch) -> dict[str, Tensor]:
        """Compare the features heard with those seen; see `VoiceWeights`."""
        return self._compare(self.hear(batch.sound), batch)

    def _compare(self, heard: Tensor, batch: VoiceBatch) -> dict[str, Tensor]:
        weights, feature, heard = self.cfg.weights, batch.feature, heard.float()
        losses: dict[str, Tensor] = {}
        if weights.direction:
            losses["direction"] = direction_loss(heard, feature, self.cfg.loss_reduction)
        if weights.distil:
            encoder = self.frozen["face_encoder"]
            assert isinstance(encoder, FaceEncoderTask)
            last = encoder.model.last_layer
            losses["distil"] = distil_loss(last(heard), last(feature), self.cfg.loss_reduction, self.cfg.temperature)
        if weights.decoder:
            decoder = self.frozen["face_decoder"]
            assert isinstance(decoder, FaceDecoderTask)
            losses["decoder"] = decoder_loss(decoder.model.trunk(heard), decoder.model.trunk(feature))
        if weights.contrastive:
            voices, faces, persons = (self.of_all(part) for part in (heard, feature, batch.person))
            losses["contrastive"] = contrastive_loss(voices, faces, persons, self.cfg.contrastive_temperature)
        return losses

    # -- validation ------------------------------------------------------------------------------------------------
    def on_validation_epoch_start(self) -> None:
        """Forget the previous validation."""
        self._seen = []

    def validation_step(self, batch: VoiceBatch, batch_idx: int) -> None:
        """Log losses and similarity, and keep the features for retrieval."""
        heard = self.hear(batch.sound).float()
        size = len(heard)
        total = self.weigh(self._compare(heard, batch), "val", size)
        a, b = F.normalize(heard, dim=1), F.normalize(batch.feature, dim=1)
        figures = {
            "val/cosine": (a * b).sum(1).mean(),
            "val/l2": (a - b).norm(dim=1).mean(),
            "val/l1": (a - b).abs().sum(1).mean(),
        }
        self.note(figures, size)
        self._seen.append(_Seen(heard, batch.feature, batch.entry, total.detach()))

    def on_validation_epoch_end(self) -> None:
        """Look for each voice's owner among all validation persons; stop when nothing gets better."""
        assert self._data is not None
        assert self._features is not None
        heard = torch.cat([part.heard for part in self._seen])
        entry = torch.cat([part.entry for part in self._seen])
        gallery = self._data.entries("val")
        faces = torch.stack([self._features.face(e, None) for e in gallery]).to(heard)
        self.recall = retrieve(heard, entry, faces, torch.tensor(gallery, device=entry.device))
        self.note({f"val/{name}": heard.new_tensor(value) for name, value in self.recall.figures().items()})
        fitting = self.trainer.state.fn == "fit"
        total = float(torch.stack([part.total for part in self._seen]).mean())
        total = float(self.trainer.strategy.reduce(torch.tensor(total, device=self.device), reduce_op="mean"))
        if fitting and self.stopper.see(total):
            self.on_no_progress()
        if not fitting and self.work_dir is not None and self.trainer.is_global_zero:
            write_evaluation(self, heard, torch.cat([s.feature for s in self._seen]), entry)

    def on_no_progress(self) -> None:
        """End the training."""
        self.trainer.should_stop = True

    def on_train_start(self) -> None:
        """Stay stopped when the run had stopped early."""
        if self.stopper.stopped:
            self.trainer.should_stop = True

    def extra_state(self) -> dict[str, Any]:
        """Keep the early stopping's count."""
        return {"stopper": self.stopper.state()}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take it back."""
        if "stopper" in extra:
            self.stopper.load(extra["stopper"])

    def evaluate(self, folder: Path) -> None:
        """Validate, which writes `evaluation.json`, `.md` and `.png`, here into `folder`, and print the figures."""
        validate_into(self, folder)

    # -- pictures and use ------------------------------------------------------------------------------------------
    def draw(self, board: Board) -> None:
        """Show the similarity of voices and faces, and the faces that the decoder draws of both."""
        parts = self._seen
        assert self._data is not None
        heard, feature = torch.cat([s.heard for s in parts]), torch.cat([s.feature for s in parts])
        entry = torch.cat([s.entry for s in parts])
        board.image("voices/against_faces", similarity_picture(heard, feature))
        decoder = self.frozen.get("face_decoder")
        if isinstance(decoder, FaceDecoderTask):
            count = max(1, 3 * self.cfg.num_valid_plots)
            picture = heard_and_seen(self._data, decoder, heard, feature, entry, count)
            board.image("faces/heard", picture)
            if self.cfg.save_images and self.work_dir is not None:
                target = self.work_dir / "images" / f"heard_{self.updates:07d}.png"
                write_picture(target, picture, marks_of(self, "comparison"))

    @torch.no_grad()
    def listen(self, wav: Floats) -> Tensor:
        """Return the face feature (F,) of a voice (S,) at 16 000/s of any length, averaged over its windows.

        Raises:
            DataError: Nobody speaks in it.
        """
        return self.hear_whole(clean_speech(wav)).cpu()

    @torch.no_grad()
    def hear_whole(self, wav: Floats) -> Tensor:
        """Return the face feature (F,) of clean speech (S,), averaged over its windows."""
        hearing = self.hearing()
        parts = windows(wav, self.samples, self.cfg.infer_max_windows)
        return torch.cat([self.hear(hearing(part)[None].to(self.device)) for part in parts]).float().mean(0)

    @property
    def opened(self) -> tuple[FaceVoiceDataset, FaceFeatures]:
        """Return the open data and its face features."""
        assert self._data is not None, "prepare() opens the data"
        assert self._features is not None, "prepare() looks the features up"
        return self._data, self._features

    def hear_split(self, split: Literal["train", "val"], most: int) -> tuple[Tensor, list[VoicePair]]:
        """Hear at most `most` sounds of a split in full, as --infer does: features (N, F), and of which pairs."""
        chosen, heard = self._source(split, 1).chosen(most), []
        with Progress(f"voices, {split}", len(chosen)) as bar:
            for pair in chosen:
                heard.append(self.hear_whole(self.opened[0].wav(pair.entry, pair.clip)))
                bar.step()
        return torch.stack(heard).cpu(), chosen

    def infer(self) -> None:
        """Draw the face that belongs to `infer_audio_source_name`."""
        if not self.cfg.infer_audio_source_name:
            raise ConfigError("Say whose voice: --infer_audio_source_name=voice.wav")
        try:
            feature = self.listen(read_wav(self.cfg.infer_audio_source_name))
        except DataError as error:
            raise DataError(f"{self.cfg.infer_audio_source_name}: {error}") from None
        decoder = load_task(self.cfg.face_decoder_work_dir, "best", kind="face_decoder")
        assert isinstance(decoder, FaceDecoderTask)
        write_face(decoder, feature, Path(self.cfg.infer_out_image_name), marks_of(self, "picture"))
        print(self.cfg.infer_out_image_name)
