"""Say how well a fifth of a second of speech fits a fifth of a second of mouth movement."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from modules.layers.time_layers import TimeConv, TimeNorm
from modules.motion.audio_condition import FeatureNorm

CLIP_FRAMES = 5
"""Video frames of one clip; its sound is 2 * CLIP_FRAMES rows."""
MOUTH = slice(48, 68)
"""The mouth among the 68 landmarks: 20 points."""


class SyncBlock(nn.Module):
    """Convolve, normalise, optionally add the input, rectify: (B, C, T) -> (B, D, T')."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int, padding: int, *, residual: bool = False
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            TimeConv(channels_in, channels_out, kernel, stride, padding), TimeNorm(channels_out)
        )
        self.residual = residual

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D _T"]:
        """Return the rectified features."""
        out = self.conv_block(x)
        return F.relu(out + x if self.residual else out)


def _encoder(channels: list[int], strides: tuple[int, int]) -> nn.Sequential:
    """Stack the thirteen blocks; `channels` = input, first, stage 1, stage 2, stage 3 widths."""
    inputs, first, one, two, three = channels
    blocks = [SyncBlock(inputs, first, 3, 1, 1), SyncBlock(first, one, 3, 1, 1)]
    blocks += [SyncBlock(one, one, 3, 1, 1, residual=True) for _ in range(2)]
    for before, after, stride in ((one, two, strides[0]), (two, three, strides[1])):
        blocks.append(SyncBlock(before, after, 3, stride, 1))
        blocks += [SyncBlock(after, after, 3, 1, 1, residual=True) for _ in range(2)]
    blocks += [SyncBlock(three, three, 3, 1, 1), SyncBlock(three, three, 3, 1, 0), SyncBlock(three, three, 1, 1, 0)]
    return nn.Sequential(*blocks)


class SyncNet(nn.Module):
    """Embed speech clips and mouth clips on one sphere; in step means close.

    Args:
        audio_dim: Width of one speech feature.
        width: Channels of the last stage (the embedding); earlier stages have a quarter and a half.
        dropout: Chance that an input channel of a clip is silenced while training.
        own_mouth: Take a mean mouth, set by `rest_at`, off every mouth.

    Shapes:
        audio: (B, 10, audio_dim) float32, 50 rows a second.
        mouth: (B, 5, 60) or (B, 5, 20, 3) float32, points 48-67 of `landmarks`, tenths of an eye distance.
        returns: two (B, width) float32 embeddings, unit length and never negative, so their product is in [0, 1].
    """

    def __init__(self, audio_dim: int, *, width: int = 512, dropout: float = 0.0, own_mouth: bool = False) -> None:
        super().__init__()
        stages = [width // 4, width // 2, width]
        self.hubert_encoder = _encoder([audio_dim, width // 4, *stages], strides=(2, 2))
        self.mouth_encoder = _encoder([60, 3 * width // 16, *stages], strides=(2, 1))
        self.audio_norm = FeatureNorm(audio_dim)
        self.drop = nn.Dropout1d(dropout)
        self.rest: Tensor | None
        self.register_buffer("rest", torch.zeros(60) if own_mouth else None)

    def rest_at(self, landmarks: Float[Tensor, "68 3"]) -> None:
        """Take the mouth of these landmarks for the mean one."""
        assert self.rest is not None, "own_mouth is off"
        self.rest.copy_(landmarks[MOUTH].flatten())

    def embed_audio(self, audio: Float[Tensor, "B 10 audio"]) -> Float[Tensor, "B width"]:
        """Return the unit embedding (B, width) of speech clips."""
        x = self.drop(self.audio_norm(audio).transpose(1, 2))
        return F.normalize(self.hubert_encoder(x).flatten(1).float(), dim=1)

    def embed_mouth(self, mouth: Float[Tensor, "B 5 60"] | Float[Tensor, "B 5 20 3"]) -> Float[Tensor, "B width"]:
        """Return the unit embedding (B, width) of mouth clips."""
        mouth = mouth.flatten(2) if self.rest is None else mouth.flatten(2) - self.rest
        x = self.drop(mouth.transpose(1, 2))
        return F.normalize(self.mouth_encoder(x).flatten(1).float(), dim=1)

    def forward(
        self, audio: Float[Tensor, "B 10 audio"], mouth: Float[Tensor, "B 5 60"] | Float[Tensor, "B 5 20 3"]
    ) -> tuple[Float[Tensor, "B width"], Float[Tensor, "B width"]]:
        """Return both embeddings."""
        return self.embed_audio(audio), self.embed_mouth(mouth)


def sync_loss(
    audio_embedding: Float[Tensor, "B width"], mouth_embedding: Float[Tensor, "B width"], label: Shaped[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy of the embeddings' cosine, in float32 whatever the precision around it.

    The cosine is squeezed into (1e-6, 1 - 1e-6): rounding can never make the logarithm infinite, and, unlike
    clamping, no pair loses its gradient.

    Shapes:
        audio_embedding, mouth_embedding: (B, width) unit vectors. label: (B,) 1 in step, 0 not. returns: ().
    """
    with torch.autocast(device_type=audio_embedding.device.type, enabled=False):
        cosine = (audio_embedding.float() * mouth_embedding.float()).sum(dim=1).clamp(0.0, 1.0)
        cosine = 1e-6 + cosine * (1 - 2e-6)
        label = label.float()
        return -(label * cosine.log() + (1 - label) * torch.log1p(-cosine)).mean()


class Offset(NamedTuple):
    """How far the sound lies from the picture."""

    offset_frames: int
    """Frames (25/s) by which the sound is late; negative when it is early."""
    confidence: float
    """Best similarity less the median over all offsets: above 0.1 is trustworthy, near 0 is none."""
    curve: Tensor
    """(2R+1,) mean similarity at offsets -R..R."""


@torch.no_grad()
def offset_similarity(
    model: SyncNet, audio: Tensor, mouth: Tensor, *, radius: int = 15, chunk: int = 512
) -> tuple[Tensor, Tensor]:
    """Compare every mouth clip with the speech up to `radius` frames before and after.

    Shapes:
        audio: (2T, audio_dim). mouth: (T, 20, 3). returns: similarity (T-4, 2R+1) and where it exists (same, bool).
    """
    device = next(model.parameters()).device
    frames = min(len(mouth), len(audio) // 2)
    audio, mouth = audio[: 2 * frames].to(device), mouth[:frames].to(device)
    clips = frames - CLIP_FRAMES + 1
    sounds = audio.unfold(0, 2 * CLIP_FRAMES, 2).transpose(1, 2)
    mouths = mouth.reshape(frames, -1).unfold(0, CLIP_FRAMES, 1).transpose(1, 2)
    sound_embeddings = torch.cat([model.embed_audio(part) for part in sounds.split(chunk)])
    mouth_embeddings = torch.cat([model.embed_mouth(part) for part in mouths.split(chunk)])
    partner = torch.arange(clips, device=device)[:, None] + torch.arange(-radius, radius + 1, device=device)
    exists = (partner >= 0) & (partner < clips)
    with torch.autocast(device.type, enabled=False):  # rounded to bfloat16, neighbouring offsets would tie
        similarity = torch.einsum("tc,toc->to", mouth_embeddings, sound_embeddings[partner.clamp(0, clips - 1)])
    return similarity, exists


@torch.no_grad()
def find_offset(model: SyncNet, audio: Tensor, mouth: Tensor, *, radius: int = 15) -> Offset:
    """Find by how many frames the sound is late against the mouth, over the whole recording.

    Args:
        model: A trained network in eval mode.
        audio: (2T, audio_dim) speech features.
        mouth: (T, 68, 3) `landmarks`, or their mouth (T, 20, 3).
        radius: Offsets tried, in frames either way.
    """
    mouth = mouth[:, MOUTH] if mouth.shape[1] == 68 else mouth
    radius = max(1, min(radius, (min(len(mouth), len(audio) // 2) - CLIP_FRAMES) // 2))
    similarity, exists = offset_similarity(model, audio.float(), mouth.float(), radius=radius)
    curve = (similarity * exists).sum(dim=0) / exists.sum(dim=0).clamp(min=1)
    best = int(curve.argmax())
    confidence = float(curve[best] - curve.median())
    return Offset(best - radius, confidence, curve.cpu())
