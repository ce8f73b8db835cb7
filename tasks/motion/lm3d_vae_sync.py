"""Learn how landmarks move with speech: a conditional VAE with a flow prior, kept in step by a frozen SyncNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus
from modules.motion.lm3d_vae import SpeechToLandmarks
from modules.motion.syncnet import MOUTH
from modules.motion.talkers import forget
from tasks.core.board import Board
from tasks.motion.base import SpeakingTask
from tasks.motion.config import Lm3dVaeSyncConfig
from tasks.motion.data import augment, start_from, stretch, val_batches
from tasks.motion.losses import continuity, lip_metrics, masked_rows, mse, sync_of, warm_up_and_decay
from tasks.motion.pictures import draw_motion
from tasks.motion.syncnet import second_hits
from tasks.motion.windows import imagine, in_eval_mode, prior_noise
from utils.arrays import Floats
from utils.errors import ConfigError

WIDEST = 2.0
"""How much wider or narrower than most talkers' a person's lips may be taken to part."""


class Lm3dVaeSyncTask(SpeakingTask):
    """Train speech-to-landmarks; judge it by what it imagines without having seen the face."""

    schema = Lm3dVaeSyncConfig
    cfg: Lm3dVaeSyncConfig
    in_words = ("lip_correlation", "lips follow the voice: {:.2f}")
    network_settings = ("audio_feature", "audio_pairing", "dilation", "centred")

    def __init__(self, config: Lm3dVaeSyncConfig) -> None:
        super().__init__(config)
        cfg = self.cfg
        self.model = SpeechToLandmarks(
            cfg.audio_dim, pitch=cfg.pitch, audio_pairing=cfg.audio_pairing, hidden=cfg.hidden_size,
            condition=cfg.condition_size, latent=cfg.latent_size, layers=(cfg.encoder_layers, cfg.decoder_layers),
            dropout=cfg.dropout, dilation=cfg.dilation, direct=cfg.direct_size, direct_dropout=cfg.direct_dropout,
            talkers=cfg.talkers, talker_size=cfg.talker_size,
        )  # fmt: skip
        self.sync_on = False
        self.talkers: list[str] = []
        self._val_sync: list[Tensor] = []

    def prepare(self) -> None:
        """Open the data, load SyncNet and, before the first update, begin at the corpus' mean face."""
        corpus = self.open_data()
        self.load_syncnet()
        self._refuse_crowd(corpus)
        if self.updates == 0 and self.cfg.start_from:
            earlier: Any = start_from(self, self.cfg.start_from)
            if earlier.cfg.centred and not self.cfg.centred:
                self.wear(corpus.statistics()[2].numpy(), corpus)
        elif self.updates == 0:
            mean, std, landmarks = corpus.statistics()
            self.model.audio_norm.set(mean, std)
            self.model.start_at(landmarks)

    def _refuse_crowd(self, corpus: MotionCorpus) -> None:
        """Take over the talkers' names, whose places in the data are their vectors' places.

        Raises:
            ConfigError: There is no room for all, or the run's were others.
        """
        if not self.cfg.talkers:
            return
        if len(corpus.speakers) > self.cfg.talkers:
            raise ConfigError(
                f"The data has {len(corpus.speakers)} talkers, and there is room for {self.cfg.talkers}: "
                f"give --talkers {len(corpus.speakers)} or more."
            )
        self.talkers = corpus.speakers

    def extra_state(self) -> dict[str, Any]:
        """Keep whether the sync loss is on, too."""
        return {**super().extra_state(), "sync_on": self.sync_on, "talkers": self.talkers}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take it back."""
        super().on_load_extra(extra)
        self.sync_on = bool(extra.get("sync_on", False))
        talkers = [str(name) for name in extra.get("talkers", [])]
        if self.talkers and talkers != self.talkers:
            raise ConfigError("The talkers of the data are others than the run's: train it anew with --reset.")
        self.talkers = talkers

    def schedule(self, update: int) -> float:
        """Warm up linearly, then fall to a tenth every `decay_updates`."""
        return warm_up_and_decay(update, self.cfg.warmup_updates, self.cfg.decay_updates)

    def losses(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Reconstruct a batch; return means over real frames (), see `Lm3dVaeWeights`."""
        batch = stretch(batch, self.cfg.disturbance.stretch if self.training else 0.0)
        heard = augment(batch, self.cfg.disturbance, self.model.audio_norm) if self.training else batch
        talker = forget(batch.speaker, self.cfg.talker_dropout) if self.training and self.cfg.talkers else None
        out, kl, likely = self.model(heard.audio, batch.landmarks, batch.mask, heard.pitch_hz, talker)
        losses = {"kl": kl, "mse": mse(out, batch), "continuity": continuity(out, batch)}
        if self.cfg.weights.prior or self.cfg.weights.lips:
            likely = self._likely(heard) if likely is None else likely
            losses |= {"prior": mse(likely, batch) + continuity(likely, batch), "lips": mse(likely, batch, MOUTH)}
        if self.cfg.weights.sync and "syncnet" in self.frozen and (self.sync_on or not self.training):
            loss = sync_of(self.frozen["syncnet"], batch, out, self.cfg.sync_clips)
            if not self.training:
                self._val_sync.append(loss.detach())
            if self.sync_on:
                losses["sync"] = loss
        return losses

    def on_validation_epoch_end(self) -> None:
        """Switch the sync loss on once the validation finds imagined mouths in step."""
        if self._val_sync:
            level = torch.as_tensor(self.all_gather(torch.stack(self._val_sync).mean())).mean()
            self.note({"val/sync_level": level})
            self.sync_on = self.sync_on or (bool(level <= self.cfg.sync_start_below) and self.trainer.state.fn == "fit")
        self._val_sync.clear()

    def _likely(self, batch: MotionBatch) -> Tensor:
        """Imagine a batch without noise, (B, T, 68, 3)."""
        return self.model.likely(batch.audio, batch.mask, batch.pitch_hz)

    def metrics(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Compare lips imagined from speech alone with the recorded ones, the likeliest and some samples: means ()."""
        figures = lip_metrics(self._likely(batch), batch)
        if self.cfg.valid_samples:
            figures |= self._judge_samples(batch)
        return figures

    def _judge_samples(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Draw `valid_samples` from the prior and judge them; always the same noise.

        Returns:
            sample_error: mean distance of all 68 points from the recorded ones, sample_lip_correlation, both averaged
            over samples; diversity: spread of the mouth points over samples, root mean square over time and points,
            tenths of an eye distance; sample_confidence: SyncNet's confidence in them, as `val/confidence` of syncnet.
        """
        shape = len(batch.mask), self.model.latent, batch.mask.shape[1], 1.0
        drawn = [
            self.model.sample(batch.audio, batch.mask, prior_noise(*shape, seed).to(batch.audio), batch.pitch_hz)
            for seed in range(self.cfg.valid_samples)
        ]
        correlation = [lip_metrics(sample, batch)["lip_correlation"] for sample in drawn]
        samples = torch.stack(drawn)
        frames = batch.mask.float()
        distance = ((samples - batch.landmarks).norm(dim=-1).mean(dim=-1) * frames).sum() / (len(drawn) * frames.sum())
        figures = {"sample_error": distance, "sample_lip_correlation": torch.stack(correlation).mean()}
        if len(drawn) > 1:
            spread = samples[:, :, :, MOUTH].var(dim=0).mean(dim=(-2, -1)) * frames
            figures["diversity"] = (spread.sum() / frames.sum()).sqrt()
        if "syncnet" in self.frozen:
            model: Any = self.frozen["syncnet"].model
            seconds = [
                second_hits(model, batch._replace(landmarks=sample), i)
                for sample in drawn
                for i in range(len(batch.mask))
                if masked_rows(batch, i) >= 60
            ]
            if seconds:
                figures["sample_confidence"] = torch.cat(seconds)[:, 2].mean()
        return figures

    def imagine(self, audio: Tensor, pitch_hz: Tensor | None, **noise: Any) -> Tensor:
        """Imagine landmarks (T, 68, 3) for features (2T, audio_dim) and pitch (2T,) in Hz."""
        return imagine(self.model, audio, pitch_hz, ends=self.cfg.infer_ends, **noise)

    def wear(self, face: Floats, corpus: MotionCorpus | None = None) -> None:
        """Move a person's face, for a network that knows motion alone.

        Args:
            face: The person's mean landmarks (68, 3), added to all that is imagined.
            corpus: The person's; the imagined lips then part as widely as those recorded in it, half
                at least and twice at most. None leaves them as wide as most talkers' are.
        """
        spread = 1.0 if corpus is None else self._lip_spread(corpus)
        self.model.add_face(torch.from_numpy(np.array(face)), 1 / min(WIDEST, max(1 / WIDEST, spread)))

    @torch.no_grad()
    def _lip_spread(self, corpus: MotionCorpus) -> float:
        """Return the spread of the lips' opening imagined for a corpus over the recorded one's; 1 for tiny ones."""
        batches = [MotionBatch(*(part.to(self.device) for part in batch)) for batch in val_batches(corpus, 1)]
        with in_eval_mode(self):
            spreads = [float(lip_metrics(self._likely(batch), batch)["lip_spread"]) for batch in batches]
        return spreads[0] if spreads else 1.0

    def load_speech(self) -> Lm3dVaeSyncTask:
        """Return itself, where speech is asked for that moves a face, as postnet is."""
        return self

    def draw(self, board: Board) -> None:
        """Show imagined beside recorded landmarks for some validation windows."""
        for number, batch in enumerate(self._val[: self.cfg.num_valid_plots]):
            n = masked_rows(batch, 0)
            imagined = self.predict(batch.audio[0, : 2 * n], batch.pitch_hz[0, : 2 * n], temperature=0.0)
            draw_motion(board, batch.landmarks[0, :n].numpy(), {"imagined": imagined.cpu().numpy()}, number)
