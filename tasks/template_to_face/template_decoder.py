"""Rebuild a face photo from a face-recognition template, well enough for a recogniser to know it again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.origins import marks_of
from data_gen.templates.shards import TemplateShards
from modules.face_space import FaceSpace
from modules.template_decoder import (
    FaceCritic,
    from_afar,
    laplace_loss,
    mixtures,
    perceptual_loss,
)
from tasks.core.board import Board
from tasks.core.task import Task
from tasks.template_to_face.config import TemplateDecoderConfig
from tasks.template_to_face.data import TemplateBatch, TemplateSource, at_crop, pictures, template_batch, to_crops
from tasks.template_to_face.evaluate import evaluate
from tasks.template_to_face.face_space import fit_face_space
from tasks.template_to_face.infer import infer
from tasks.template_to_face.networks import make_network, side_of, width_in
from tasks.template_to_face.perceptors import Perceptor, make_perceptor, recogniser_network
from tasks.template_to_face.step_size import StepSize, in_updates
from utils.drawing.canvas import contact_sheet
from utils.errors import ConfigError, DataError
from utils.faces.recogniser import Recogniser, RecogniserId, cosines_with, find_recogniser
from utils.media.pictures import write_picture

POWERS = (10**2, 10**3, 10**4, 10**5)
"""Samples seen after which `save_powers` keeps a checkpoint."""


class TemplateDecoderTask(Task):
    """Train a decoder against a recogniser's own view of its pictures."""

    schema = TemplateDecoderConfig
    cfg: TemplateDecoderConfig
    in_words = ("cosine", "is the person to the recogniser: {:.2f} of 1")
    network_settings = ("network", "normalize_templates", "mean", "std", "swap_red_blue")

    def __init__(self, config: TemplateDecoderConfig) -> None:
        super().__init__(config)
        self.recogniser: RecogniserId | None = None
        width = self._width()
        self.model = make_network(self.cfg, width)
        self.size = side_of(self.cfg)
        if self.cfg.weights.adv > 0:
            self.critic = FaceCritic()
            self.automatic_optimization = False
            if self.cfg.accumulate_grad_batches > 1:
                raise ConfigError("weights.adv wants accumulate_grad_batches = 1: two networks learn in turn.")
        self._shards: TemplateShards | None = None
        self._perceptor: Perceptor | None = None
        self._judge: torch.nn.Module | None = None
        self._encoder: Recogniser | None = None
        self._began = (0.0, 0)
        self.step_size = StepSize(self.cfg)

    @classmethod
    def resolved(cls, config: TemplateDecoderConfig) -> TemplateDecoderConfig:
        """Turn epochs into updates."""
        return in_updates(config)

    def _width(self) -> int:
        """Return the length of the data's templates; 512 when the data is not here, as for a loaded checkpoint."""
        try:
            return TemplateShards(self.cfg.binary_data_dir).width
        except DataError:
            return 512

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Load weights; the decoder takes the template length of the checkpoint."""
        if (width := width_in(state_dict)) != self.model.width:
            self.model = make_network(self.cfg, width)
        return super().load_state_dict(state_dict, strict, assign)

    # -- data ----------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Open the data and the networks that judge pictures."""
        cfg = self.cfg
        self._shards = TemplateShards(cfg.binary_data_dir)
        if not self._shards.count("train") or not self._shards.count("val"):
            raise DataError(f"{cfg.binary_data_dir} holds nothing to train on, or nothing to validate. Make it again.")
        recogniser = self._shards.index.recogniser
        if self.recogniser is not None:
            self.recogniser.refuse_other(recogniser, "This decoder", cfg.binary_data_dir)
        self.recogniser = recogniser
        self.data_fingerprint = self._shards.index.fingerprint
        for name in ("identity", "mixed"):
            if getattr(cfg.weights, name) > 0 and recogniser.name == "dlib":
                raise ConfigError(
                    f"No gradient flows through dlib: set weights.{name} to 0, or use an ONNX recogniser."
                )
        if cfg.perceptor == "fr" and cfg.weights.perceptual > 0 and recogniser.name == "dlib":
            if not cfg.perceptor_weights:
                raise ConfigError("No gradient flows through dlib: give --perceptor_weights, or --perceptor vgg11.")
        self._load_judges()

    def begin(self) -> None:
        """Work out what faces look like before the first update, where the network begins with it."""
        if isinstance(self.model, FaceSpace):
            fit_face_space(self.model, self.shards, normalize=self.cfg.normalize_templates)

    def _load_judges(self) -> None:
        cfg, recogniser = self.cfg, self.recogniser
        assert recogniser is not None
        if recogniser.name != "dlib":
            encoder = find_recogniser(recogniser, cfg.infer_recogniser)
            self.keep_outside("_judge", recogniser_network(encoder.path).to(self.device))
        else:
            encoder = self._encoder = find_recogniser(recogniser)
        self.frozen_sources["recogniser"] = {"path": str(encoder.path), **recogniser.model_dump()}
        if cfg.weights.perceptual > 0 and cfg.perceptor != "none":
            perceptor = make_perceptor(cfg.perceptor, cfg.perceptor_weights, self._judge).to(self.device)
            self.keep_outside("_perceptor", perceptor)
            self.frozen_sources["perceptor"] = perceptor.source

    @property
    def shards(self) -> TemplateShards:
        """Return the open data."""
        assert self._shards is not None, "prepare() opens the data"
        return self._shards

    def train_source(self) -> TemplateSource:
        """Draw pairs of the training people."""
        return TemplateSource(self.shards, self.size, self.cfg.batch_size, self.cfg.augment)

    def unique_samples(self) -> int:
        """Count the training pairs."""
        return self.shards.count("train")

    def val_numbers(self) -> list[int]:
        """Return the validation pairs that are measured, spread evenly."""
        count = self.shards.count("val")
        return np.unique(np.linspace(0, count - 1, min(count, self.cfg.eval_max_samples)).round().astype(int)).tolist()

    def val_source(self) -> list[TemplateBatch]:
        """Return batches of photos of unseen people."""
        numbers = self.val_numbers()
        step = self.cfg.batch_size
        starts = range(0, len(numbers), step)
        return [template_batch(self.shards, "val", numbers[start : start + step], self.size) for start in starts]

    # -- losses --------------------------------------------------------------------------------------------------------
    def decode(self, templates: Tensor) -> Tensor:
        """Return pictures (B, 3, S, S) in [-1, 1] units, unbounded, of templates (B, D)."""
        return self.model(F.normalize(templates, dim=1) if self.cfg.normalize_templates else templates)

    def _losses_of(self, faces: Tensor, real: Tensor, templates: Tensor) -> dict[str, Tensor]:
        """Return the losses of decoded faces against real ones, both (B, 3, S, S)."""
        weights = self.cfg.weights
        own, wanted = self.model.in_own_units(faces), self.model.in_own_units(real)
        losses = {"pixel": F.mse_loss(own, wanted)}
        if weights.laplace:
            losses["laplace"] = laplace_loss(own.float(), wanted)
        feature: Tensor | None = None
        if self.training and self.updates < self.cfg.recogniser_after:
            return losses
        faces, real = self._looked_at(torch.cat([faces, real])).chunk(2)
        if self._perceptor is not None:
            with torch.no_grad():
                maps_wanted, _ = self._perceptor(real)
            maps, feature = self._perceptor(faces)
            losses["perceptual"] = perceptual_loss([m.float() for m in maps], [m.float() for m in maps_wanted])
        if weights.identity and self._judge is not None:
            if feature is None or self._perceptor is None or self._perceptor.network is not self._judge:
                feature = self._judge(at_crop(faces))
            losses["identity"] = (1 - F.cosine_similarity(feature.float(), templates, dim=1)).mean()
        return losses

    def _looked_at(self, images: Tensor) -> Tensor:
        """Return pictures as frozen networks see them."""
        return from_afar(images) if self.training and self.cfg.from_afar else images

    def losses(self, batch: TemplateBatch) -> dict[str, Tensor]:
        """Return the losses of one batch."""
        return self._decode_and_judge(batch)[1]

    def _decode_and_judge(self, batch: TemplateBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the pictures of a batch, and their losses; those of mixtures, while training, are made along."""
        wanted = batch.templates
        early = self.updates < self.cfg.recogniser_after
        if not self.training or early or not self.cfg.weights.mixed or self._judge is None:
            faces = self.decode(wanted)
            return faces, self._losses_of(faces, pictures(batch.crops), wanted)
        between = mixtures(wanted)
        faces, invented = self.decode(torch.cat([wanted, between])).chunk(2)
        losses = self._losses_of(faces, pictures(batch.crops), wanted)
        templates = self._judge(at_crop(self._looked_at(invented))).float()
        losses["mixed"] = (1 - F.cosine_similarity(templates, between, dim=1)).mean()
        return faces, losses

    def training_step(self, batch: TemplateBatch, batch_idx: int) -> Tensor | None:
        """Let the decoder learn, and the critic when there is one."""
        if self.updates % self.cfg.tb_log_interval == 0:
            self._note_speed(len(batch.crops))
        if self.automatic_optimization:
            return super().training_step(batch, batch_idx)
        decoder, critic = self.optimizers()  # type: ignore[misc,attr-defined]
        real = self.model.in_own_units(pictures(batch.crops))
        self.toggle_optimizer(decoder)
        faces, losses = self._decode_and_judge(batch)
        faces = self.model.in_own_units(faces)
        doubt = self.critic(faces)
        losses["adv"] = F.binary_cross_entropy_with_logits(doubt, torch.ones_like(doubt))
        total = self.weigh(losses, "tr")
        self.step(decoder, total, "decoder")
        self.untoggle_optimizer(decoder)

        self.toggle_optimizer(critic)
        fake, true = self.critic(faces.detach()), self.critic(real)
        loss = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        loss = loss + F.binary_cross_entropy_with_logits(true, torch.ones_like(true))
        self.step(critic, loss, "critic")
        self.untoggle_optimizer(critic)
        self.note({"tr/critic_loss": loss.detach()})
        for scheduler in self.lr_schedulers():  # type: ignore[union-attr]
            scheduler.step()  # type: ignore[call-arg]
        return total.detach()

    def _note_speed(self, count: int) -> None:
        now, (before, updates) = time.monotonic(), self._began
        if self.updates > updates and before:
            rate = (self.updates - updates) * count * self.trainer.world_size / max(now - before, 1e-9)
            self.note({"tr/samples_per_s": torch.tensor(rate)})
        self._began = (now, self.updates)

    def configure_optimizers(self) -> Any:
        """Return Adam for the decoder along a cosine, and for the critic when there is one."""
        if self.automatic_optimization:
            return super().configure_optimizers()
        decoder = torch.optim.Adam(self.model.parameters(), lr=self.cfg.lr, fused=True)
        critic = torch.optim.Adam(self.critic.parameters(), lr=self.cfg.critic_lr, fused=True)
        rates = [torch.optim.lr_scheduler.LambdaLR(o, self.schedule) for o in (decoder, critic)]
        return [decoder, critic], rates

    def schedule(self, update: int) -> float:
        """Fall as `lr_scheduler` says."""
        return self.step_size.share(update)

    # -- validation and pictures ---------------------------------------------------------------------------------------
    def on_validation_epoch_end(self) -> None:
        """Let `StepPlateau` see the validation's loss."""
        self.step_size.validated(self.trainer)

    def validation_step(self, batch: TemplateBatch, batch_idx: int) -> None:
        """Log losses, and the cosine of the re-encoded reconstructions, weighed by the batch's size."""
        faces, count = self.decode(batch.templates), len(batch.crops)
        total = self.weigh(self._losses_of(faces, pictures(batch.crops), batch.templates), "val", count)
        self.step_size.totals.append((total.detach(), count))
        # What is measured is the 8-bit picture, as anyone would get it.
        if self._judge is not None:
            templates = self._judge(at_crop(pictures(to_crops(faces)).to(faces.device))).float()
            cosine = F.cosine_similarity(templates, batch.templates, dim=1)
        else:
            assert self._encoder is not None, "prepare() opens the recogniser"
            cosine = torch.from_numpy(
                cosines_with(self._encoder, to_crops(faces).numpy(), batch.templates.cpu().numpy())
            )
        self.note({"val/cosine": cosine.mean().to(self.device)}, count)

    def on_train_batch_end(self, outputs: Any, batch: TemplateBatch, batch_idx: int) -> None:
        """Keep checkpoint and control pictures when the samples seen pass a power of ten; draw when asked to."""
        every = self.cfg.visualize_each_step
        if every and self.updates % every == 0 and (batch_idx + 1) % self.cfg.accumulate_grad_batches == 0:
            self.board.update = self.updates
            if self.trainer.is_global_zero and self.trainer.logger:
                self.draw(self.board)
        count = len(batch.crops) * max(1, self.trainer.world_size)
        scale = self.cfg.accumulate_grad_batches
        if not self.cfg.save_powers or self.work_dir is None or not self.trainer.logger or (batch_idx + 1) % scale:
            return
        after = self.updates * count * scale  # this update is counted already
        for power in POWERS:
            if after - count * scale < power <= after:
                self.trainer.save_checkpoint(self.work_dir / f"model_ckpt_samples_{power}.ckpt")
                if self.trainer.is_global_zero:
                    self.write_control(self.work_dir / f"control_samples_{power}.png")

    @torch.no_grad()
    def control_sheet(self) -> np.ndarray:
        """Return control photos of unseen people, left the photo and right its reconstruction, (H, W, 3) uint8."""
        numbers = np.linspace(0, self.shards.count("val") - 1, self.cfg.control_samples).round().astype(int)
        batch = template_batch(self.shards, "val", numbers.tolist(), self.size)
        was_training = self.training
        self.eval()
        faces = to_crops(self.decode(batch.templates.to(self.device))).numpy()
        self.train(was_training)
        cells = [np.concatenate(pair, axis=1) for pair in zip(batch.crops.numpy(), faces, strict=True)]
        return contact_sheet(cells, columns=3)

    def write_control(self, path: Path) -> None:
        """Write the control pictures as PNG."""
        write_picture(path, self.control_sheet(), marks_of(self, "comparison"))

    def draw(self, board: Board) -> None:
        """Show the control pictures, and write them beside the checkpoints."""
        board.image("faces/photo_and_reconstruction", self.control_sheet())
        if self.work_dir is not None:
            self.write_control(self.work_dir / "control_last.png")

    # -- use -----------------------------------------------------------------------------------------------------------
    def extra_state(self) -> dict[str, Any]:
        """Keep which recogniser the templates are of, and where `StepPlateau` is."""
        recogniser = self.recogniser.model_dump() if self.recogniser else None
        return {"recogniser": recogniser, "step_size": self.step_size.state()}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take them back."""
        if "step_size" in extra:
            self.step_size.load(extra["step_size"])
        if extra.get("recogniser"):
            self.recogniser = RecogniserId.model_validate(extra["recogniser"])

    @torch.no_grad()
    def reconstruct(self, templates: np.ndarray) -> np.ndarray:
        """Return faces (N, S, S, 3) uint8 RGB of templates (N, D)."""
        parts = [
            to_crops(self.decode(torch.from_numpy(np.array(templates[i : i + 64], np.float32)).to(self.device)))
            for i in range(0, len(templates), 64)
        ]
        return torch.cat(parts).numpy()

    def infer(self) -> None:
        """Rebuild the faces of `infer_source`; the cosine with the template is in each file's name."""
        infer(self)

    def evaluate(self, folder: Path) -> None:
        """Rebuild every validation face of `binary_data_dir` and tell how well recognisers know it again."""
        cfg = self.cfg
        evaluate(
            self, cfg.binary_data_dir, folder, second=cfg.eval_second, per_identity=cfg.eval_per_identity,
            most=cfg.eval_max_photos,
        )  # fmt: skip
