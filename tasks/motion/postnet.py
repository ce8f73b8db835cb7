"""Bring imagined landmarks into one person's range, with a critic of single frames and a frozen SyncNet."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus
from modules.motion.audio_condition import pitch_bins
from modules.motion.postnet import FrameCritic, PostNet
from tasks.core.board import Board
from tasks.core.loading import load_frozen
from tasks.motion.base import SpeakingTask
from tasks.motion.config import MotionConfig
from tasks.motion.data import WindowSource, augment, open_corpus, stretch, val_batches
from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncTask
from tasks.motion.losses import continuity, lip_metrics, masked_rows, mouth_variance, mse, sync_of, warm_up_and_decay
from tasks.motion.pictures import draw_motion
from tasks.motion.postnet_config import PostnetConfig
from tasks.motion.postnet_selection import Parts, Selection, is_collapsed, score
from tasks.motion.windows import in_eval_mode, in_windows, rows_of
from utils.errors import ConfigError

log = logging.getLogger(__name__)
MARGIN = 16
"""Frames that the refiner is shown before and after a window; it sees seven."""


class PostnetBatch(NamedTuple):
    """Speech of anyone to refine, and the person's own windows with speech."""

    generic: MotionBatch
    person: MotionBatch


class PostnetSource:
    """Draw both kinds of windows, as many of each."""

    def __init__(self, generic: MotionCorpus, person: MotionCorpus, cfg: MotionConfig) -> None:
        self.generic, self.person = WindowSource(generic, cfg), WindowSource(person, cfg)

    def batch(self, rng: np.random.Generator) -> PostnetBatch:
        """Draw one batch."""
        first, second = rng.spawn(2)
        return PostnetBatch(self.generic.batch(first), self.person.batch(second))

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        return [*self.generic.names(), *self.person.names()]


class PostnetTask(SpeakingTask):
    """Train the refiner against the critic; judge it by the person's own held-out speech, before and after."""

    schema = PostnetConfig
    cfg: PostnetConfig
    in_words = ("lip_correlation", "lips follow the voice: {:.2f}")
    network_settings = ("audio_feature",)

    def __init__(self, config: PostnetConfig) -> None:
        super().__init__(config)
        self.automatic_optimization = False
        pitch_dim = 64 if self.cfg.pitch else 0
        self.model = PostNet(width=self.cfg.width, pitch_dim=pitch_dim)
        self.disc_model = FrameCritic(width=self.cfg.critic_width, dropout=self.cfg.critic_dropout)
        if self.cfg.start_at_identity:
            self.model.start_at_identity()
        self._generic: MotionCorpus | None = None
        self._person: MotionCorpus | None = None
        self._validations: list[dict[str, Tensor]] = []
        self.selection: Selection | None = None

    def prepare(self) -> None:
        """Open the data, and load the speech network and SyncNet.

        Raises:
            ConfigError: No person is named.
        """
        cfg = self.cfg
        if not cfg.video_id:
            raise ConfigError("postnet refines for one person: give --video_id <id>.")
        self._person = open_corpus(cfg, "train", [cfg.person_path()])
        self._generic = open_corpus(cfg, "train", [Path(cfg.binary_data_dir)]) if cfg.binary_data_dir else self._person
        self._val = val_batches(open_corpus(cfg, "val", [cfg.person_path()]), cfg.eval_max_batches)
        self.data_fingerprint = self._person.fingerprint
        for corpus in (self._person, self._generic):
            self.hear_as(corpus.sound_level)
        self.load_speech()
        self.load_syncnet()

    def load_speech(self) -> Lm3dVaeSyncTask:
        """Load the speech network that this refiner was trained behind.

        Raises:
            ConfigError: It is none, listens to another speech feature, or lacks the pitch.
        """
        cfg = self.cfg
        work_dir = cfg.earlier_run(cfg.audio2motion_work_dir, "lm3d_vae_sync", self.work_dir)
        speech = load_frozen(self, "audio2motion", work_dir, cfg.audio2motion_ckpt_steps, kind="lm3d_vae_sync")
        assert isinstance(speech, Lm3dVaeSyncTask)
        if cfg.pitch and (speech.model.pitch_embed is None or speech.model.pitch_embed.embedding_dim != 64):
            raise ConfigError(f"{work_dir} knows no pitch; train it with --pitch true, or give --pitch false.")
        return speech

    @property
    def speech(self) -> Lm3dVaeSyncTask:
        """Return the frozen speech network."""
        network = self.frozen["audio2motion"]
        assert isinstance(network, Lm3dVaeSyncTask)
        return network

    def train_source(self) -> PostnetSource:
        """Draw windows of the generic corpus and of the person."""
        assert self._generic is not None, "prepare() opens the corpora"
        assert self._person is not None
        return PostnetSource(self._generic, self._person, self.cfg)

    def configure_optimizers(self) -> Any:
        """Return RMSprop for the refiner (at its own step size) and for the critic."""
        refiner = torch.optim.RMSprop(self.model.parameters(), lr=self.cfg.postnet_lr)
        critic = torch.optim.RMSprop(self.disc_model.parameters(), lr=self.cfg.postnet_disc_lr)
        rates = [
            torch.optim.lr_scheduler.LambdaLR(
                refiner, lambda n: warm_up_and_decay(n, self.cfg.warmup_updates, self.cfg.decay_updates)
            ),
            # a function of the update, so that a resumed run has the rate of an unbroken one
            torch.optim.lr_scheduler.LambdaLR(critic, lambda n: 0.5 ** (n // 40_000)),
        ]
        return [refiner, critic], rates

    def training_step(self, batch: PostnetBatch, batch_idx: int) -> Tensor:
        """Let the refiner learn, then the critic, from the same imagined landmarks; return the refiner's loss ()."""
        refiner, critic = self.optimizers()  # type: ignore[misc,attr-defined]
        batch = PostnetBatch(*(stretch(part, self.cfg.disturbance.stretch) for part in batch))
        refined = self._refined(batch.generic)
        own = self._refined(batch.person)
        critic_on = self.updates >= self.cfg.postnet_disc_start_steps and self.cfg.weights.adv > 0

        self.toggle_optimizer(refiner)
        fake = refined[batch.generic.mask]
        losses = self._refiner_losses(batch, refined, own, fake if critic_on else None)
        total = self.weigh(losses, "tr")
        self.step(refiner, total, "refiner")
        self.untoggle_optimizer(refiner)

        if critic_on and self.updates % self.cfg.postnet_disc_interval == 0:
            self.toggle_optimizer(critic)
            real = batch.person.landmarks[batch.person.mask]
            score_fake, score_real = self.disc_model(fake.detach()), self.disc_model(real)
            loss = score_fake.square().mean() + (score_real - 1).square().mean()
            self.step(critic, loss, "critic")
            self.untoggle_optimizer(critic)
            self.note({
                "tr/disc_neg_conf": score_fake.mean().detach(), "tr/disc_pos_conf": score_real.mean().detach(),
                "tr/disc_loss": loss.detach(),
            })  # fmt: skip
        for scheduler in self.lr_schedulers():  # type: ignore[union-attr]
            scheduler.step()  # type: ignore[call-arg]
        return total.detach()

    def _refiner_losses(
        self, batch: PostnetBatch, refined: Tensor, own: Tensor, fake: Tensor | None
    ) -> dict[str, Tensor]:
        weights = self.cfg.weights
        losses = {"mse": mse(own, batch.person)}
        if fake is not None:
            losses["adv"] = (1 - self.disc_model(fake)).square().mean()
        if weights.sync:
            losses["sync"] = sync_of(self.frozen["syncnet"], batch.generic, refined, self.cfg.sync_clips)
        if weights.continuity:
            losses["continuity"] = continuity(own, batch.person)
        if weights.reg:
            losses["reg"] = mse(own, batch.person._replace(landmarks=self._raw.detach()))
        return losses

    def _refined(self, batch: MotionBatch) -> Tensor:
        """Imagine a batch with fresh noise, and refine it: (B, T, 68, 3)."""
        with torch.no_grad():
            latent, steps = self.speech.model.latent, -(-batch.mask.shape[1] // 4)
            noise = self.cfg.train_temperature * torch.randn(len(batch.mask), latent, steps, device=self.device)
            heard = augment(batch, self.cfg.disturbance, self.speech.model.audio_norm)
            if self.cfg.train_temperature == 0:
                raw = self.speech.model.likely(heard.audio, batch.mask, batch.pitch_hz)
            else:
                raw = self.speech.model.sample(heard.audio, batch.mask, noise, batch.pitch_hz)
        self._raw = raw
        return self.model(raw, batch.mask, self._pitch(batch.pitch_hz))

    def _pitch(self, pitch_hz: Tensor | None) -> Tensor | None:
        """Return the speech network's pitch embedding at frame rate, (B, T, 64), when the recipe wants it."""
        embed = self.speech.model.pitch_embed
        if not self.cfg.pitch or embed is None or pitch_hz is None:
            return None
        with torch.no_grad():
            return embed(pitch_bins(pitch_hz[:, ::2]))

    def validation_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """Log losses and lips on the person's held-out speech, and the same before refining."""
        raw = self.speech.model.likely(batch.audio, batch.mask, batch.pitch_hz)
        refined = self.model(raw, batch.mask, self._pitch(batch.pitch_hz))
        losses = {"mse": mse(refined, batch), "continuity": continuity(refined, batch)}
        losses["reg"] = mse(refined, batch._replace(landmarks=raw))
        critic_own, critic_refined = (self.disc_model(x[batch.mask]) for x in (batch.landmarks, refined))
        if self.cfg.weights.adv:
            losses["adv"] = (1 - critic_refined).square().mean()
        before = torch.full((), math.nan, device=self.device)
        if "syncnet" in self.frozen:
            count = 512 * len(batch.mask)
            before = sync_of(self.frozen["syncnet"], batch, raw, count)
            losses["sync"] = sync_of(self.frozen["syncnet"], batch, refined, count)
        self.weigh(losses, "val")
        earlier = {f"val/{name}_before": value for name, value in lip_metrics(raw, batch).items()}
        self.note({**earlier, **{f"val/{name}": value for name, value in lip_metrics(refined, batch).items()}})
        self._validations.append({
            "mse": losses["mse"], "mse_before": mse(raw, batch), "sync": losses.get("sync", before),
            "sync_before": before, "critic_refined": critic_refined.mean(), "critic_own": critic_own.mean(),
            "variance": mouth_variance(refined, batch), "variance_before": mouth_variance(raw, batch),
            "variance_recorded": mouth_variance(batch.landmarks, batch),
        })  # fmt: skip

    def on_validation_epoch_end(self) -> None:
        """Score this step (see tasks/motion/postnet_selection.py), log the parts, and keep them while training."""
        if not self._validations:
            return
        row = self._parts(self._mean_validation())
        self._validations.clear()
        value = score(row, self.cfg.max_updates, self.cfg.collapse_below)
        shown = {"selection_score": value, "variance_ratio": row.variance_ratio, "mse_before": row.mse_before}
        if row.critic_refined is not None and row.critic_own is not None:
            shown |= {"disc_neg_conf": row.critic_refined, "disc_pos_conf": row.critic_own}
        if row.sync_before is not None:
            shown["sync_before"] = row.sync_before
        self.note({f"val/{name}": torch.tensor(number, device=self.device) for name, number in shown.items()})
        if is_collapsed(row, self.cfg.collapse_below):
            log.warning(
                "Update %d: refined mouths have %.0f %% of the recorded variance: the refiner makes one face of all. "
                "This step will not be chosen. Lower weights.adv or raise weights.mse.",
                self.updates,
                100 * row.variance_ratio,
            )
        if self.selection is not None:
            self.selection.add(row)
            self.selection.draw()

    def _mean_validation(self) -> dict[str, float]:
        """Average each figure over the batches of this validation, and over processes."""
        names = list(self._validations[0])
        rows = torch.stack([torch.stack([figures[name].float() for name in names]) for figures in self._validations])
        means = torch.as_tensor(self.all_gather(rows.mean(dim=0))).reshape(-1, len(names)).mean(dim=0)
        return dict(zip(names, means.tolist(), strict=True))

    def _parts(self, figures: dict[str, float]) -> Parts:
        """Say what the figures of a validation mean for the choice of the step."""
        recorded = max(figures["variance_recorded"], 1e-9)
        sync, before = (None if math.isnan(figures[name]) else figures[name] for name in ("sync", "sync_before"))
        critic = self.cfg.weights.adv > 0
        return Parts(
            step=self.updates, mse=figures["mse"], mse_before=figures["mse_before"], sync=sync, sync_before=before,
            critic_refined=figures["critic_refined"] if critic else None,
            critic_own=figures["critic_own"] if critic else None,
            variance_ratio=figures["variance"] / recorded, variance_ratio_before=figures["variance_before"] / recorded,
        )  # fmt: skip

    def on_fit_start(self) -> None:
        """Open the selection of this run; an interrupted one goes on."""
        if self.work_dir is not None and self.trainer.is_global_zero and self.trainer.logger is not None:
            self.selection = Selection(self.work_dir, self.cfg.max_updates, self.cfg.collapse_below)
            self.selection.load(self.updates)

    def on_fit_end(self) -> None:
        """Say which step was chosen."""
        if self.selection is None or not self.selection.rows:
            return
        chosen = self.selection.chosen()
        words = f"step {chosen}" if chosen is not None else "no step: all collapsed"
        log.info("Chosen by val/selection_score: %s (%s)", words, self.selection.work_dir / "selection.png")

    def imagine(self, audio: Tensor, pitch_hz: Tensor | None, **noise: Any) -> Tensor:
        """Say speech as this person: landmarks (T, 68, 3), on the CPU, for features (2T, audio_dim) and pitch (2T,)."""
        if "audio2motion" not in self.frozen:
            self.load_speech()
        return self.refine(self.speech.predict(audio, pitch_hz, **noise), pitch_hz)

    def refine(self, raw: Tensor, pitch_hz: Tensor | None) -> Tensor:
        """Make imagined landmarks (T, 68, 3) this person's, on the CPU; pitch (2T,) in Hz."""

        def make(start: int, stop: int) -> Tensor:
            mask = torch.ones(1, stop - start, dtype=torch.bool, device=self.device)
            sung = rows_of(pitch_hz, start, stop, self.device)
            return self.model(raw[None, start:stop].to(self.device), mask, self._pitch(sung))[0]

        with in_eval_mode(self):
            return in_windows(len(raw), MARGIN, make).cpu()

    def draw(self, board: Board) -> None:
        """Show recorded, imagined and refined landmarks for some validation windows."""
        for number, batch in enumerate(self._val[: self.cfg.num_valid_plots]):
            n = masked_rows(batch, 0)
            audio, pitch = batch.audio[0, : 2 * n], batch.pitch_hz[0, : 2 * n]
            raw = self.speech.predict(audio, pitch, temperature=0.0).cpu()
            refined = self.predict(audio, pitch, temperature=0.0)
            curves = {"imagined": raw.numpy(), "refined": refined.numpy()}
            draw_motion(board, batch.landmarks[0, :n].numpy(), curves, number)

    def infer(self) -> None:
        """Speak `infer_audio_source_name` into `infer_out_npy_name`."""
        self.load_speech()
        super().infer()
