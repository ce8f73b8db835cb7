"""Speech to landmarks: a variational auto-encoder with a normalising-flow prior, conditioned on speech."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from modules.motion.audio_condition import (
    PITCH_BINS,
    AudioPairing,
    FeatureNorm,
    condition_encoder,
    pair_rows,
    pitch_bins,
)
from modules.motion.direct_path import DirectPath
from modules.motion.prior_flow import Coupling, PriorFlow
from modules.motion.talkers import Talkers
from modules.motion.wavenet import WaveNet

STRIDE = 4
"""Frames of one latent step."""


class Posterior(NamedTuple):
    """What the encoder made of a sequence: latents z and log-density terms, (B, latent, T/4)."""

    z: Tensor
    mean: Tensor
    log_std: Tensor


class Reconstruction(NamedTuple):
    """A training pass: landmarks (B, T, 68, 3), the KL divergence per latent value (), and what a direct path says."""

    landmarks: Tensor
    kl: Tensor
    likely: Tensor | None


class MotionEncoder(nn.Module):
    """Read landmarks and speech into a Gaussian over latents, one step every four frames."""

    def __init__(self, channels: int, hidden: int, latent: int, layers: int, condition: int, dropout: float) -> None:
        super().__init__()
        self.pre_net = nn.Sequential(nn.Conv1d(channels, hidden, 2 * STRIDE, STRIDE, STRIDE // 2))
        self.wn = WaveNet(hidden, 5, layers, condition, dropout)
        self.out_proj = nn.Conv1d(hidden, 2 * latent, 1)

    def forward(
        self,
        x: Float[Tensor, "B channels T"],
        mask: Float[Tensor, "B 1 steps"],
        condition: Float[Tensor, "B condition steps"],
    ) -> Posterior:
        """Encode (B, channels, T) with the latents' mask (B, 1, T/4)."""
        hidden = self.wn(self.pre_net(x) * mask, mask, condition)
        mean, log_std = self.out_proj(hidden).chunk(2, dim=1)
        return Posterior(mean + torch.randn_like(mean) * log_std.exp(), mean, log_std)


class MotionDecoder(nn.Module):
    """Turn latents and speech into landmarks: (B, latent, T/4) -> (B, channels, T)."""

    def __init__(
        self, latent: int, hidden: int, channels: int, layers: int, condition: int, dropout: float, dilation: int
    ) -> None:
        super().__init__()
        self.pre_net = nn.Sequential(nn.ConvTranspose1d(latent, hidden, STRIDE, STRIDE))
        self.wn = WaveNet(hidden, 5, layers, condition, dropout, dilation=dilation)
        self.out_proj = nn.Conv1d(hidden, channels, 1)

    def forward(
        self,
        z: Float[Tensor, "B latent steps"],
        mask: Float[Tensor, "B 1 T"],
        condition: Float[Tensor, "B condition T"],
    ) -> Float[Tensor, "B channels T"]:
        """Decode with the frames' mask (B, 1, T)."""
        return self.out_proj(self.wn(self.pre_net(z) * mask, mask, condition))


class MotionVae(nn.Module):
    """Encoder, prior and decoder of landmark motion, all steered by a frame-rate condition (B, C, T)."""

    def __init__(
        self,
        channels: int,
        condition: int,
        hidden: int,
        latent: int,
        layers: tuple[int, int],
        dropout: float,
        dilation: int,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.g_pre_net = nn.Sequential(nn.Conv1d(condition, condition, 2 * STRIDE, STRIDE, STRIDE // 2))
        self.encoder = MotionEncoder(channels, hidden, latent, layers[0], condition, dropout)
        self.prior_flow = PriorFlow(latent, max(hidden // 4, 8), 3, 4, 4, condition)
        self.decoder = MotionDecoder(latent, hidden, channels, layers[1], condition, dropout, dilation)

    def forward(
        self, x: Float[Tensor, "B channels T"], mask: Float[Tensor, "B 1 T"], condition: Float[Tensor, "B condition T"]
    ) -> tuple[Float[Tensor, "B channels T"], Float[Tensor, ""]]:
        """Reconstruct (B, channels, T), T a multiple of 4; also return the KL divergence ()."""
        coarse, coarse_mask = self.g_pre_net(condition), mask[:, :, ::STRIDE]
        posterior = self.encoder(x, coarse_mask, coarse)
        noise = self.prior_flow(posterior.z, coarse_mask, coarse)
        out = self.decoder(posterior.z, mask, condition)
        with torch.autocast(device_type=x.device.type, enabled=False):
            z, mean, log_std = (part.float() for part in posterior)
            log_q = -log_std - 0.5 * ((z - mean) * torch.exp(-log_std)).square()
            log_p = -0.5 * noise.float().square()
            kl = ((log_q - log_p) * coarse_mask).sum() / coarse_mask.sum().clamp(min=1) / self.latent
        return out, kl

    def sample(self, mask: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        """Decode prior noise (B, latent, T/4) into (B, channels, T)."""
        coarse, coarse_mask = self.g_pre_net(condition), mask[:, :, ::STRIDE]
        z = self.prior_flow(noise, coarse_mask, coarse, reverse=True)
        return self.decoder(z, mask, condition)


class SpeechToLandmarks(nn.Module):
    """Imagine how the 68 landmarks move while this is said.

    Args:
        audio_dim: Width of one speech feature.
        pitch: Also listen to the pitch.
        audio_pairing: "even" reads every second feature row (GeneFace), "pair" both rows of a frame.
        hidden: Channels of encoder and decoder; the prior has a quarter.
        condition: Channels the speech is squeezed to.
        latent: Latent values per four frames.
        layers: WaveNet layers of encoder and decoder.
        dropout: In encoder and decoder, and on whole condition channels.
        dilation: Each decoder layer hears this many times further than the one before; 1 is GeneFace's.
        direct: Channels of a plain network beside the VAE that predicts the likeliest motion from speech alone. The
            VAE then only adds what the speech leaves open. 0 for none, as in GeneFace.
        direct_dropout: In that plain network.
        talkers: How many talkers have a vector of their own, which tunes that plain network; 0 for none.
        talker_size: Values of such a vector.

    Shapes:
        audio: (B, 2T, audio_dim) float32. talker: (B,) int64, whose vector; none, or STRANGER, for the common network.
        pitch_hz: (B, 2T) float32, 0 where unvoiced.
        mask: (B, T) bool, True where the frame is real.
        landmarks: (B, T, 68, 3) float32, `landmarks`: tenths of an eye distance off the mean face.
            Padding is exactly zero. Any T: shorter remainders of four are padded and cut again.
    """

    def __init__(
        self,
        audio_dim: int,
        *,
        pitch: bool = False,
        audio_pairing: AudioPairing = "even",
        hidden: int = 256,
        condition: int = 64,
        latent: int = 16,
        layers: tuple[int, int] = (8, 4),
        dropout: float = 0.0,
        dilation: int = 1,
        direct: int = 0,
        direct_dropout: float = 0.2,
        talkers: int = 0,
        talker_size: int = 16,
    ) -> None:
        super().__init__()
        self.audio_pairing: AudioPairing = audio_pairing
        row = audio_dim * (2 if audio_pairing == "pair" else 1)
        self.direct = DirectPath(row, direct, dropout=direct_dropout) if direct else None
        self.talkers: Talkers | None = None
        if self.direct is not None and talkers:
            self.talkers = Talkers(talkers, talker_size, direct, len(self.direct.blocks))
        self.mel_encoder = condition_encoder(row, condition, condition)
        self.pitch_embed: nn.Embedding | None = None
        if pitch:
            self.pitch_embed = nn.Embedding(PITCH_BINS, condition)
            self.pitch_encoder = condition_encoder(condition, condition, condition // 2)
        total = condition + (condition // 2 if pitch else 0)
        self.vae = MotionVae(68 * 3, total, hidden, latent, layers, dropout, dilation)
        self.audio_norm = FeatureNorm(audio_dim)
        self.drop = nn.Dropout1d(dropout)

    @property
    def latent(self) -> int:
        """Latent values per step of four frames."""
        return self.vae.latent

    @property
    def reach(self) -> int:
        """Count the frames before and after its own that an imagined frame depends on, at most."""
        flow = sum(part.enc.reach for part in self.vae.prior_flow.flows if isinstance(part, Coupling))
        latent = STRIDE * (flow + 2) + self.vae.decoder.wn.reach + 4
        return latent if self.direct is None else max(latent, self.direct.reach)

    def start_at(self, landmarks: Tensor) -> None:
        """Begin with these landmarks (68, 3) as the answer to everything: a corpus' mean saves the way there."""
        if self.direct is not None:
            self.direct.start_at(landmarks)
            return
        with torch.no_grad():
            self._rest().copy_(landmarks.flatten())

    def add_face(self, landmarks: Tensor, wide: float = 1.0) -> None:
        """Make every answer so many times as wide and add landmarks (68, 3) to it: whose face it is that moves."""
        with torch.no_grad():
            for part in (self.vae.decoder.out_proj, *([] if self.direct is None else [self.direct.last])):
                for parameter in part.parameters():
                    parameter.mul_(wide)
            self._rest().add_(landmarks.flatten().to(self._rest()))

    def _rest(self) -> Tensor:
        """Return the bias (204,) that every answer has."""
        bias = self.vae.decoder.out_proj.bias if self.direct is None else self.direct.last.bias
        assert bias is not None
        return bias

    def _rows(self, audio: Tensor) -> Tensor:
        """Return the speech beside each frame in standard units, (B, C, T)."""
        return pair_rows(self.audio_norm(audio), self.audio_pairing).transpose(1, 2)

    def _tuning(self, talker: Tensor | None) -> Tensor | None:
        """Return how the direct path is tuned for each talker; None for nobody's vector."""
        return None if self.talkers is None or talker is None else self.talkers(talker)

    def condition(self, audio: Tensor, pitch_hz: Tensor | None) -> Tensor:
        """Return what the speech says to each frame: (B, condition, T)."""
        heard = self.mel_encoder(self._rows(audio))
        if self.pitch_embed is not None:
            assert pitch_hz is not None, "a pitch-aware network needs pitch_hz"
            sung = self.pitch_encoder(self.pitch_embed(pitch_bins(pitch_hz[:, ::2])).transpose(1, 2))
            heard = torch.cat([heard, sung], dim=1)
        return self.drop(heard)

    def forward(
        self,
        audio: Float[Tensor, "B rows audio"],
        landmarks: Float[Tensor, "B T 68 3"],
        mask: Bool[Tensor, "B T"],
        pitch_hz: Float[Tensor, "B rows"] | None = None,
        talker: Int[Tensor, " B"] | None = None,
    ) -> Reconstruction:
        """Encode true landmarks and decode them again (training).

        What is left of the landmarks after the direct path is the VAE's to explain; only `likely` teaches that path.
        """
        frames = mask.shape[1]
        audio, mask, pitch_hz, landmarks = _pad(audio, mask, pitch_hz, landmarks)
        keep = mask[:, None].to(audio.dtype)
        x = landmarks.flatten(2).transpose(1, 2)
        condition = self.condition(audio, pitch_hz)
        if self.direct is None:
            out, kl = self.vae(x * keep, keep, condition)
            return Reconstruction(_points(out, keep)[:, :frames], kl, None)
        likely = self.direct(self._rows(audio), keep, self._tuning(talker))
        expected = likely.detach()
        out, kl = self.vae((x - expected) * keep, keep, condition)
        return Reconstruction(_points(expected + out, keep)[:, :frames], kl, _points(likely, keep)[:, :frames])

    def sample(
        self,
        audio: Float[Tensor, "B rows audio"],
        mask: Bool[Tensor, "B T"],
        noise: Float[Tensor, "B latent steps"],
        pitch_hz: Float[Tensor, "B rows"] | None = None,
    ) -> Float[Tensor, "B T 68 3"]:
        """Imagine landmarks (B, T, 68, 3) from prior noise (B, latent, ceil(T/4))."""
        frames = mask.shape[1]
        audio, mask, pitch_hz, _ = _pad(audio, mask, pitch_hz, None)
        keep = mask[:, None].to(audio.dtype)
        out = self.vae.sample(keep, self.condition(audio, pitch_hz), noise)
        if self.direct is not None:
            out = out + self.direct(self._rows(audio), keep)
        return _points(out, keep)[:, :frames]

    def likely(
        self,
        audio: Float[Tensor, "B rows audio"],
        mask: Bool[Tensor, "B T"],
        pitch_hz: Float[Tensor, "B rows"] | None = None,
    ) -> Float[Tensor, "B T 68 3"]:
        """Imagine the likeliest landmarks (B, T, 68, 3): the direct path's, or else those of zero noise."""
        if self.direct is None:
            steps = -(-mask.shape[1] // STRIDE)
            return self.sample(audio, mask, audio.new_zeros(len(mask), self.latent, steps), pitch_hz)
        keep = mask[:, None].to(audio.dtype)
        return _points(self.direct(self._rows(audio), keep), keep)


def _points(x: Tensor, keep: Tensor) -> Tensor:
    """Mask and reshape (B, 204, T) to (B, T, 68, 3)."""
    return (x * keep).transpose(1, 2).unflatten(-1, (68, 3))


def _pad(
    audio: Tensor, mask: Tensor, pitch_hz: Tensor | None, landmarks: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Fill up with masked frames to a multiple of four."""
    extra = -mask.shape[1] % STRIDE
    landmarks = mask.new_zeros((*mask.shape, 68, 3), dtype=audio.dtype) if landmarks is None else landmarks
    if not extra:
        return audio, mask, pitch_hz, landmarks
    audio = F.pad(audio, (0, 0, 0, 2 * extra))
    pitch_hz = None if pitch_hz is None else F.pad(pitch_hz, (0, 2 * extra))
    return audio, F.pad(mask, (0, extra)), pitch_hz, F.pad(landmarks, (0, 0, 0, 0, 0, extra))
