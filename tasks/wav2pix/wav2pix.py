"""Draw a speaker's face straight from a raw waveform, against a discriminator that also hears the voice."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.origins import marks_of
from data_gen.wav2pix.pairs import FaceVoicePairs, hear, middle
from modules.wav2pix import Discriminator, Generator, PoseEncoder, shift_and_tint
from tasks.core.board import Board
from tasks.core.task import Task
from tasks.wav2pix.config import Wav2PixConfig
from tasks.wav2pix.data import PairBatch, PairSource
from tasks.wav2pix.evaluate import evaluate
from tasks.wav2pix.published import HEAD, weights_of
from tasks.weights.lpips import open_lpips
from utils.drawing.canvas import contact_sheet
from utils.errors import ConfigError, DataError
from utils.files.tree import files_under
from utils.media.pictures import write_picture
from utils.media.wav import read_wav
from utils.rates import RATE

log = logging.getLogger(__name__)
SPEAKERS = tuple(f"generator.{name}" for name in HEAD)
ANEW = ", its last layer anew for the {} speakers of this data: the file does not say whom it knew"
STATISTICS = 16
"""Training batches by which the batch norms' statistics are measured before a validation."""


class Wav2PixTask(Task):
    """Train generator and discriminator in turn."""

    schema = Wav2PixConfig
    cfg: Wav2PixConfig
    network_settings = ("image_size", "audio_normalisation", "matching")
    _lpips: torch.nn.Module | None

    def __init__(self, config: Wav2PixConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self.automatic_optimization = False
        if self.cfg.accumulate_grad_batches > 1:
            raise ConfigError("wav2pix trains two networks in turn: accumulate_grad_batches must be 1.")
        self._pairs: FaceVoicePairs | None = None
        self.speakers: list[str] = []
        self.samples = RATE
        self.keep_outside("_lpips", None)
        try:
            self._open()
        except DataError:  # said by prepare(); a loaded checkpoint needs no data
            pass
        self._build()

    @classmethod
    def resolved(cls, config: Wav2PixConfig) -> Wav2PixConfig:
        """Let the published names of the weights win, and turn epochs into updates when the data is here."""
        published = {"l1": config.l1_coef, "l2": config.l2_coef, "softmax": config.softmax_coef}
        weights = {name: weight for name, weight in published.items() if weight is not None}
        changes: dict[str, Any] = {"weights": config.weights.model_copy(update=weights)}
        if config.epochs > 0:
            try:
                pairs = FaceVoicePairs(config.binary_data_dir).count("train")
                changes["max_updates"] = math.ceil(pairs * config.epochs / config.batch_size)
            except DataError:  # said by prepare(), before the first update
                pass
        return config.model_copy(update=changes)

    def _open(self) -> None:
        self._pairs = FaceVoicePairs(self.cfg.binary_data_dir)
        self.speakers, self.samples = list(self._pairs.meta.speakers), self._pairs.meta.samples

    def _build(self) -> None:
        size = self.cfg.image_size
        self.generator = self._new_generator(max(2, len(self.speakers)), self.samples)
        self.discriminator = Discriminator(size, self.cfg.matching, self.cfg.width)
        if self.cfg.pose_dim:
            self.glance = PoseEncoder(self.cfg.pose_dim)

    def _new_generator(self, classes: int, samples: int) -> Generator:
        cfg = self.cfg
        return Generator(cfg.image_size, classes, samples, cfg.dropout, cfg.width, cfg.norm, cfg.pose_dim)

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Load weights; classes and length of sound are those of the checkpoint."""
        own = self.state_dict()
        shapes = ("generator.audio_embedding.fc.0.weight", "generator.aux_classifier.net.3.weight")
        if any(own[name].shape != state_dict[name].shape for name in shapes):
            flat, classes = state_dict[shapes[0]].shape[1], state_dict[shapes[1]].shape[0]
            self.generator = self._new_generator(classes, (flat // 1024) * 4096)
        return super().load_state_dict(state_dict, strict, assign)

    # -- data ----------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Open the data.

        Raises:
            DataError: It is not there, or has other speakers than the checkpoint.
        """
        trained = self.speakers
        self._open()
        if trained and trained != self.speakers:
            raise DataError(
                f"{self.cfg.binary_data_dir} has the speakers {self.speakers}, the network knows {trained}."
            )
        assert self._pairs is not None
        self.data_fingerprint = self._pairs.meta.fingerprint
        if self.cfg.weights.perceptual > 0:
            self.hear_lpips()

    def hear_lpips(self) -> None:
        """Open LPIPS for the perceptual loss; without its weights the training goes without."""
        net = open_lpips()
        if net is None:
            log.info("No LPIPS weights here: trained without the perceptual loss (python -m utils.assets).")
        self.keep_outside("_lpips", None if net is None else net.to(self.device))

    def begin(self) -> None:
        """Take the weights of `pre_trained_gen` and `pre_trained_disc`."""
        for part, file in (("generator", self.cfg.pre_trained_gen), ("discriminator", self.cfg.pre_trained_disc)):
            if not file:
                continue
            network: torch.nn.Module = getattr(self, part)
            own = network.state_dict()
            state = weights_of(Path(file), part, own, self.cfg.image_size)  # type: ignore[arg-type]
            anew = part == "generator" and torch.equal(own[f"{HEAD[0]}weight"], state[f"{HEAD[0]}weight"])
            network.load_state_dict(state)
            log.info("The %s begins as in %s%s.", part, file, ANEW.format(len(self.speakers)) if anew else "")

    def adapt(self, checkpoint: dict[str, Any]) -> None:
        """Begin the speakers' layer of an imported run anew: nobody knows who its classes were."""
        notes = checkpoint["vizeme"]
        if "imported" not in notes or notes.get("extra", {}).get("speakers"):
            return
        own = {name: value for name, value in self.state_dict().items() if name.startswith(SPEAKERS)}
        checkpoint["state_dict"].update({name: value.clone() for name, value in own.items()})
        notes["extra"] = {**notes["extra"], "speakers": list(self.speakers)}
        log.info("An imported generator is trained on%s.", ANEW.format(len(self.speakers)))

    @property
    def pairs(self) -> FaceVoicePairs:
        """Return the open data."""
        assert self._pairs is not None, "prepare() opens the data"
        return self._pairs

    def train_source(self) -> PairSource:
        """Draw pairs with replacement."""
        return PairSource(self.pairs, self.cfg)

    def unique_samples(self) -> int:
        """Count the training pairs."""
        return self.pairs.count("train")

    def val_source(self) -> Sequence[PairBatch]:
        """Return all validation pairs, always with the same wrong faces."""
        source, size = PairSource(self.pairs, self.cfg, "val"), self.cfg.batch_size
        numbers = np.arange(self.pairs.count("val"))
        return [source.of(numbers[i : i + size], np.random.default_rng(i)) for i in range(0, len(numbers), size)]

    # -- training ------------------------------------------------------------------------------------------------------
    def configure_optimizers(self) -> Any:
        """Return Adam for both networks, the discriminator's steps the longer."""
        makers = torch.nn.ModuleList([self.generator, *([self.glance] if self.cfg.pose_dim else [])])
        nets = ((makers, self.cfg.lr_G), (self.discriminator, self.cfg.lr_D))
        return [
            torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr, betas=(0.5, 0.999), fused=True)
            for net, lr in nets
        ]

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """Let the discriminator learn, once it has begun, then the generator with fresh dropout."""
        generator, discriminator = self.optimizers()  # type: ignore[misc,attr-defined]
        if self._judged():
            self._teach(discriminator, batch)
        self.toggle_optimizer(generator)  # the discriminator's weights get no gradient
        losses = self._generator_losses(batch)
        total = self.weigh(losses, "tr")
        self.step(generator, total, "generator")
        self.untoggle_optimizer(generator)
        return total.detach()

    def _judged(self) -> bool:
        """Tell whether the discriminator has a say by now."""
        return not self.training or self.updates >= self.cfg.adv_from * self.cfg.max_updates

    def _teach(self, optimizer: Any, batch: PairBatch) -> None:
        """Let the discriminator learn."""
        # No gradient goes through the generator here, so none is prepared.
        with torch.no_grad():
            fakes, code, *_ = self.generator(batch.wavs, self._glanced(batch.faces)[0])
        self.toggle_optimizer(optimizer)
        real, fake, wrong = self._judge(batch.faces, fakes, batch.wrong, code)
        d_loss = (real - self.cfg.real_label).square().mean() + fake.square().mean() + wrong.square().mean()
        self.step(optimizer, d_loss, "discriminator")
        self.untoggle_optimizer(optimizer)
        self.note({
            "tr/d_loss": d_loss.detach(), "tr/d_real": real.mean().detach(), "tr/d_fake": fake.mean().detach(),
            "tr/d_wrong": wrong.mean().detach(),
        })  # fmt: skip

    def _seen(self, images: Tensor) -> Tensor:
        """Return pictures as the discriminator sees them."""
        return shift_and_tint(images) if self.cfg.augment and self.training else images

    def _judge(self, faces: Tensor, fakes: Tensor, wrong: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scores of real, made and wrong faces beside what was heard, all in one go."""
        images = self._seen(torch.cat([faces, fakes.float(), wrong]))
        scores, _ = self.discriminator(images, code.repeat(3, 1, 1, 1))
        real, fake, other = scores.float().chunk(3)
        return real, fake, other

    def _glanced(self, faces: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Draw the poses (B, P) of faces, with mean and logarithm of the variance that they are drawn from.

        While validating nothing is told of the face, as when the network is used: there is no pose.
        """
        if not (self.cfg.pose_dim and self.training):
            return None, faces, faces
        mean, spread = self.glance(faces)
        return mean + (spread / 2).exp() * torch.randn_like(mean), mean, spread

    def _generator_losses(self, batch: PairBatch) -> dict[str, Tensor]:
        pose, mean, spread = self._glanced(batch.faces)
        fakes, code, scores, usual = self.generator(batch.wavs, pose)
        losses, judged = {}, self._judged()
        if judged:
            opinion, features = self.discriminator(self._seen(fakes.float()), code)
            losses["adv"] = (opinion.float() - 1).square().mean()
        losses["l1"] = F.l1_loss(fakes.float(), batch.faces)
        losses["softmax"] = F.cross_entropy(scores.float(), batch.labels)
        if judged and self.cfg.weights.l2:
            with torch.no_grad():
                _, wanted = self.discriminator(self._seen(batch.faces), code)
            losses["l2"] = F.mse_loss(features.float().mean(0), wanted.float().mean(0))
        if pose is not None:
            losses["pose"] = 0.5 * ((mean - usual.float()).square() + spread.exp() - 1 - spread).sum(dim=1).mean()
        if self._lpips is not None:
            pictures = ((images.float() + 1) / 2 for images in (fakes, batch.faces))
            losses["perceptual"] = self._lpips(*pictures).mean()
        return losses

    def averages(self, name: str) -> bool:
        """Average the generator; the discriminator only teaches."""
        return name.startswith("generator.")

    @torch.no_grad()
    def on_validation_start(self) -> None:
        """Measure the batch norms' statistics anew: the running ones are those of weights that have moved on."""
        norms = [m for m in self.generator.modules() if isinstance(m, torch.nn.BatchNorm1d)]
        source = self.train_source()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
        for number in range(STATISTICS):
            wavs = source.batch(np.random.default_rng([self.cfg.seed, number])).wavs.to(self.device)
            self.generator.aux_classifier(self.generator.audio_embedding(wavs))
        for norm in norms:
            norm.momentum = 0.1
            norm.eval()

    def validation_step(self, batch: PairBatch, batch_idx: int) -> None:
        """Log losses, what the discriminator says, and how often the voice's speaker is told."""
        count = len(batch.labels)
        self.weigh(self._generator_losses(batch), "val", count)
        fakes, code, scores, _ = self.generator(batch.wavs)
        real, fake, wrong = self._judge(batch.faces, fakes, batch.wrong, code)
        right = (scores.argmax(1) == batch.labels).float().mean()
        figures = {"d_real": real.mean(), "d_fake": fake.mean(), "d_wrong": wrong.mean(), "speaker_told": right}
        self.note({f"val/{name}": value for name, value in figures.items()}, count)

    def draw(self, board: Board) -> None:
        """Show real, wrong and made faces under each other."""
        numbers = np.linspace(0, self.pairs.count("val") - 1, 8).round().astype(int)
        batch = PairSource(self.pairs, self.cfg, "val").of(numbers, np.random.default_rng(0))
        fakes = self.generator(batch.wavs.to(self.device)).images.float().cpu()
        rows = torch.cat([batch.faces, batch.wrong, fakes])
        board.image("faces/real_wrong_made", contact_sheet(list(to_pictures(rows)), columns=len(numbers)))

    # -- use -----------------------------------------------------------------------------------------------------------
    def extra_state(self) -> dict[str, Any]:
        """Keep who the classes are and how long a sound is."""
        return {"speakers": self.speakers, "samples": self.samples}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take them back."""
        self.speakers, self.samples = list(extra["speakers"]), int(extra["samples"])

    @torch.no_grad()
    def make(self, wavs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return faces (N, S, S, 3) uint8 RGB and speakers' scores (N, classes) of sounds (N, samples) int16.

        In eval mode: each face depends on its own sound alone, and is the same every time.
        """
        was_training = self.training
        self.eval()
        heard = torch.from_numpy(hear(wavs, self.cfg.audio_normalisation))
        parts = [self.generator(heard[i : i + 64].to(self.device)) for i in range(0, len(heard), 64)]
        self.train(was_training)
        faces = to_pictures(torch.cat([part.images for part in parts]).float().cpu())
        return faces, torch.cat([part.scores for part in parts]).float().cpu().numpy()

    def evaluate(self, folder: Path) -> None:
        """Tell whether drawn faces are the right speaker's, faces at all, like photos, and not all one."""
        evaluate(self, folder)

    def infer(self) -> None:
        """Draw the face of every sound; the name says who it is taken for.

        Raises:
            ConfigError: No sound is named.
            DataError: A sound is too short or silent.
        """
        cfg = self.cfg
        if not cfg.infer_audio_source_name:
            raise ConfigError("Say which sound: --infer_audio_source_name=<file or folder>.")
        source = Path(cfg.infer_audio_source_name)
        files = [f for f in files_under(source) if f.suffix == ".wav"] if source.is_dir() else [source]
        if not files:
            raise DataError(f"No .wav under {source}.")
        wavs = []
        for file in files:
            try:
                wavs.append(middle(read_wav(file), self.samples))
                hear(wavs[-1][None])
            except DataError as error:
                raise DataError(f"{file}: {error}") from None
        faces, scores = self.make(np.stack(wavs))
        out = Path(cfg.infer_out_dir or Path("infer_out") / (self.work_dir.name if self.work_dir else "wav2pix"))
        marks = marks_of(self, "picture")
        for file, face, row in zip(files, faces, scores, strict=True):
            place = file.relative_to(source).parent if source.is_dir() else Path()
            name = f"{file.stem}_{self.speakers[int(row.argmax())]}.png" if self.speakers else f"{file.stem}.png"
            write_picture(out / place / name, face, marks)
        print(f"{out}: {len(files)} face(s)")


def to_pictures(images: Tensor) -> np.ndarray:
    """Return (N, S, S, 3) uint8 of (N, 3, S, S) in [-1, 1]."""
    return images.mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
