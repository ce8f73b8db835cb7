"""Bring imagined landmarks into one person's range, with a critic of single frames and a frozen SyncNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus
from modules.audio_condition import pitch_bins
from modules.postnet import FrameCritic, PostNet
from tasks.board import Board
from tasks.checkpoints import Steps
from tasks.lm3d_vae_sync import Lm3dVaeSyncTask, continuity, load_frozen, mse, sync_of, warm_up_and_decay
from tasks.motion_data import MotionConfig, augment, draw_motion, lip_metrics, masked_rows, open_corpus, val_batches
from tasks.motion_infer import in_windows, prior_noise, read_speech, write_landmarks
from tasks.task import Task, clip_gradient
from utils.config import Config, Count, Fraction, Positive, Weight
from utils.errors import ConfigError

MARGIN = 16
"""Frames that the refiner is shown before and after a window; it sees seven."""


class PostnetWeights(Config):
    """How much each loss counts; 0 turns it off."""

    mse: Weight = 0.05
    """Squared error to the person's own landmarks, on the person's own speech."""
    adv: Weight = 0.85
    """The critic's doubt whether a frame is this person's."""
    sync: Weight = 0.1
    """SyncNet's opinion of the refined mouth."""
    continuity: Weight = 0.0
    """Squared error of frame-to-frame movement on the person's own speech."""
    reg: Weight = 0.0
    """How far landmarks are moved at all."""


class PostnetConfig(MotionConfig):
    """Landmarks of any speaker to the target person's; --video_id names the person."""

    pitch: bool = False
    """Also see the pitch, through the speech network's own pitch embedding."""
    width: Count = 128
    """Channels of the refiner's outer blocks."""
    critic_width: Count = 128
    """Channels of the critic's outer layers."""
    critic_dropout: Fraction = 0.25
    """Chance that an activation of the critic is dropped while training."""
    start_at_identity: bool = True
    """Begin by changing nothing, so that refining starts from what the speech network said."""
    lr: Positive = 5e-4
    """Not used here: the step sizes are postnet_lr and postnet_disc_lr."""
    postnet_lr: Positive = 1e-4
    """Step size of the refiner."""
    postnet_disc_lr: Positive = 1e-4
    """Step size of the critic."""
    postnet_disc_start_steps: int = 0
    """The critic takes part from this update on."""
    postnet_disc_interval: Count = 1
    """The critic learns every so many updates."""
    warmup_updates: int = 1000
    """Reach the full step size after so many updates."""
    decay_updates: Count = 250_000
    """The refiner's step size falls to a tenth every so many updates."""
    max_updates: Count = 20_000
    """Train for this many updates."""
    train_temperature: Weight = 1.0
    """Spread of the noise from which training landmarks are imagined."""
    audio2motion_work_dir: str = ""
    """Where lm3d_vae_sync was trained; empty: checkpoints/<video_id>/lm3d_vae_sync."""
    audio2motion_ckpt_steps: Steps = "best"
    """Which of its checkpoints: best, last, or a number of updates."""
    syncnet_work_dir: str = ""
    """Where SyncNet was trained; empty: checkpoints/<video_id>/syncnet."""
    syncnet_ckpt_steps: Steps = "best"
    """Which of its checkpoints."""
    sync_clips: Count = 1024
    """Pairs of 0.2 s that SyncNet judges in a training step."""
    weights: PostnetWeights = PostnetWeights()
    """How much each loss counts."""
    valid_monitor_key: str = "val/lip_error"
    """The validation figure that chooses the best checkpoint."""
    infer_audio_source_name: str = ""
    """--infer: the sound to speak, any format."""
    infer_out_npy_name: str = ""
    """--infer: where the landmarks go, (1, T, 204) float32; empty: infer_out/<run>.npy."""
    infer_temperature: Weight = 1.0
    """--infer: spread of the speech network's noise; 0 is the most likely motion."""
    infer_seed: int = 0
    """--infer: the same seed gives the same motion."""


class PostnetBatch(NamedTuple):
    """Speech of anyone to refine, and the person's own windows with speech."""

    generic: MotionBatch
    person: MotionBatch


class PostnetSource:
    """Draw both kinds of windows, as many of each."""

    def __init__(self, generic: MotionCorpus, person: MotionCorpus, cfg: MotionConfig) -> None:
        self.generic, self.person = generic, person
        self.size, self.frames = cfg.batch_size, cfg.window_frames

    def batch(self, rng: np.random.Generator) -> PostnetBatch:
        """Draw one batch."""
        first, second = rng.spawn(2)
        return PostnetBatch(
            self.generic.batch(first, self.size, self.frames), self.person.batch(second, self.size, self.frames)
        )


class PostnetTask(Task):
    """Train the refiner against the critic; judge it by the person's own held-out speech, before and after."""

    schema = PostnetConfig
    cfg: PostnetConfig
    network_settings = ("audio_feature",)

    def __init__(self, config: PostnetConfig) -> None:
        super().__init__(config)
        self.automatic_optimization = False
        pitch_dim = 64 if self.cfg.pitch else 0
        self.model = PostNet(width=self.cfg.width, pitch_dim=pitch_dim)
        self.disc_model = FrameCritic(width=self.cfg.critic_width, dropout=self.cfg.critic_dropout)
        if self.cfg.start_at_identity:
            self.model.start_at_identity()
        self._val: list[MotionBatch] = []
        self._generic: MotionCorpus | None = None
        self._person: MotionCorpus | None = None

    def prepare(self) -> None:
        """Open the data, and load the speech network and SyncNet."""
        cfg = self.cfg
        if not cfg.video_id:
            raise ConfigError("postnet refines for one person: give --video_id <id>.")
        self._person = open_corpus(cfg, "train", [cfg.person_path()])
        self._generic = open_corpus(cfg, "train", [Path(cfg.binary_data_dir)]) if cfg.binary_data_dir else self._person
        self._val = val_batches(open_corpus(cfg, "val", [cfg.person_path()]), cfg.eval_max_batches)
        self.data_fingerprint = self._person.fingerprint
        self.load_speech()
        if cfg.weights.sync:
            work_dir = cfg.earlier_run(cfg.syncnet_work_dir, "syncnet", self.work_dir)
            load_frozen(self, "syncnet", work_dir, cfg.syncnet_ckpt_steps, kind="syncnet")

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
        found = self.frozen["audio2motion"]
        assert isinstance(found, Lm3dVaeSyncTask)
        return found

    def train_source(self) -> PostnetSource:
        """Draw windows of the generic corpus and of the person."""
        assert self._generic is not None, "prepare() opens the corpora"
        assert self._person is not None
        return PostnetSource(self._generic, self._person, self.cfg)

    def val_source(self) -> Sequence[MotionBatch]:
        """Return the person's ten-second validation windows."""
        return self._val

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
        """Let the refiner learn, then the critic, from the same imagined landmarks."""
        refiner, critic = self.optimizers()  # type: ignore[misc,attr-defined]
        refined = self._refined(batch.generic)
        own = self._refined(batch.person)
        critic_on = self.updates >= self.cfg.postnet_disc_start_steps and self.cfg.weights.adv > 0

        self.toggle_optimizer(refiner)
        fake = refined[batch.generic.mask]
        found = self._refiner_losses(batch, refined, own, fake if critic_on else None)
        total = self.weigh(found, "tr")
        self._step(refiner, total)
        self.untoggle_optimizer(refiner)

        if critic_on and self.updates % self.cfg.postnet_disc_interval == 0:
            self.toggle_optimizer(critic)
            real = batch.person.landmarks[batch.person.mask]
            score_fake, score_real = self.disc_model(fake.detach()), self.disc_model(real)
            loss = score_fake.square().mean() + (score_real - 1).square().mean()
            self._step(critic, loss)
            self.untoggle_optimizer(critic)
            self.note({
                "tr/disc_neg_conf": score_fake.mean().detach(), "tr/disc_pos_conf": score_real.mean().detach(),
                "tr/disc_loss": loss.detach(),
            })  # fmt: skip
        for scheduler in self.lr_schedulers():  # type: ignore[union-attr]
            scheduler.step()  # type: ignore[call-arg]
        return total.detach()

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        """Take one optimiser step on `loss`, gradients clipped."""
        optimizer.zero_grad()
        self.manual_backward(loss)
        if self.cfg.clip_grad_norm > 0:
            clip_gradient(optimizer, self.cfg.clip_grad_norm)
        optimizer.step()

    def _refiner_losses(
        self, batch: PostnetBatch, refined: Tensor, own: Tensor, fake: Tensor | None
    ) -> dict[str, Tensor]:
        weights = self.cfg.weights
        found = {"mse": mse(own, batch.person)}
        if fake is not None:
            found["adv"] = (1 - self.disc_model(fake)).square().mean()
        if weights.sync:
            found["sync"] = sync_of(self.frozen["syncnet"], batch.generic, refined, self.cfg.sync_clips)
        if weights.continuity:
            found["continuity"] = continuity(own, batch.person)
        if weights.reg:
            found["reg"] = mse(own, batch.person._replace(landmarks=self._raw.detach()))
        return found

    def _refined(self, batch: MotionBatch) -> Tensor:
        """Imagine a batch with fresh noise, and refine it: (B, T, 68, 3)."""
        with torch.no_grad():
            latent, steps = self.speech.model.latent, -(-batch.mask.shape[1] // 4)
            noise = self.cfg.train_temperature * torch.randn(len(batch.mask), latent, steps, device=self.device)
            heard = augment(batch, self.cfg.augment, self.speech.model.audio_norm)
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
        noise = prior_noise(len(batch.mask), self.speech.model.latent, batch.mask.shape[1], 0.0, 0).to(self.device)
        raw = self.speech.model.sample(batch.audio, batch.mask, noise, batch.pitch_hz)
        refined = self.model(raw, batch.mask, self._pitch(batch.pitch_hz))
        found = {"mse": mse(refined, batch), "continuity": continuity(refined, batch)}
        found["reg"] = mse(refined, batch._replace(landmarks=raw))
        if self.cfg.weights.adv:
            found["adv"] = (1 - self.disc_model(refined[batch.mask])).square().mean()
        if "syncnet" in self.frozen:
            found["sync"] = sync_of(self.frozen["syncnet"], batch, refined, 512 * len(batch.mask))
        self.weigh(found, "val")
        before = {f"val/{name}_before": value for name, value in lip_metrics(raw, batch).items()}
        self.note({**before, **{f"val/{name}": value for name, value in lip_metrics(refined, batch).items()}})

    @torch.no_grad()
    def predict(
        self,
        audio: Tensor,
        pitch_hz: Tensor | None = None,
        *,
        seed: int = 0,
        temperature: float | None = None,
        refine: bool = True,
    ) -> Tensor:
        """Say speech of any length as this person: landmarks (T, 68, 3) on the CPU.

        Args:
            audio: (2T, audio_dim) features, as `utils.audio.audio_features(wav, task.cfg.audio_feature, frames=T)`.
            pitch_hz: (2T,) Hz, needed when the networks listen to pitch.
            seed: The same seed gives the same motion.
            temperature: Spread of the noise; the recipe's `infer_temperature` when None.
            refine: False leaves the refiner out.
        """
        if "audio2motion" not in self.frozen:
            self.load_speech()
        temperature = self.cfg.infer_temperature if temperature is None else temperature
        audio = torch.as_tensor(audio, dtype=torch.float32)
        pitch_hz = None if pitch_hz is None else torch.as_tensor(pitch_hz, dtype=torch.float32)
        raw = self.speech.predict(audio, pitch_hz, seed=seed, temperature=temperature)
        if not refine:
            return raw.cpu()
        was_training = self.training
        self.eval()

        def make(start: int, stop: int) -> Tensor:
            mask = torch.ones(1, stop - start, dtype=torch.bool, device=self.device)
            sung = None if pitch_hz is None else pitch_hz[2 * start : 2 * stop].to(self.device)[None]
            return self.model(raw[None, start:stop].to(self.device), mask, self._pitch(sung))[0]

        refined = in_windows(len(raw), MARGIN, make)
        self.train(was_training)
        return refined.cpu()

    def draw(self, board: Board) -> None:
        """Show recorded, imagined and refined landmarks for some validation windows."""
        for number, batch in enumerate(self._val[: self.cfg.num_valid_plots]):
            n = masked_rows(batch, 0)
            audio, pitch = batch.audio[0, : 2 * n], batch.pitch_hz[0, : 2 * n]
            raw = self.predict(audio, pitch, temperature=0.0, refine=False)
            refined = self.predict(audio, pitch, temperature=0.0)
            curves = {"imagined": raw.numpy(), "refined": refined.numpy()}
            draw_motion(board, batch.landmarks[0, :n].numpy(), curves, number)

    def infer(self) -> None:
        """Speak `infer_audio_source_name` into `infer_out_npy_name`."""
        cfg = self.cfg
        self.load_speech()
        audio, pitch = read_speech(cfg.infer_audio_source_name, cfg.audio_feature)
        landmarks = self.predict(audio, pitch, seed=cfg.infer_seed)
        print(write_landmarks(cfg.infer_out_npy_name, landmarks, self.work_dir))
