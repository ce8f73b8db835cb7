"""Hear what lips say: a small speech encoder, 50 rows a second, that hears little more than a quarter second ahead.

It learns to say what the middle layers of a large speech model say (`tasks/motion/ear.py`). Nothing in it sees further
than a few rows to the right, so it answers while a sound is still coming, at the price of the new rows alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLES_A_ROW = 320
BANDS, WINDOW, HOP, FFT = 80, 400, 160, 512
EDGE = 440
"""Samples that the first and the last row hear on the far side of their own."""


class Ear(nn.Module):
    """Turn sound at 16 000 samples a second into rows of 20 ms.

    Log mel bands every 10 ms, two convolutions to rows of 20 ms, and residual blocks: a convolution in time for each
    channel, then a perceptron for each row (ConvNeXt, Liu et al., CVPR 2022, in one dimension).

    Args:
        channels: Width of a block.
        width: Width of a row that comes out.
        kernel: Rows that a block's convolution hears.
        ahead: For each block, how many of those lie ahead.
        expansion: The perceptron's hidden width, in channels.
    """

    bank: Tensor
    window: Tensor

    def __init__(
        self, channels: int = 192, width: int = 512, *, kernel: int = 11,
        ahead: Sequence[int] = (2, 2, 2, 2, 1, 1, 1, 1), expansion: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.width = width
        self.register_buffer("bank", mel_bank(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.stem = nn.Conv1d(BANDS, channels, 3)
        self.halve = nn.Conv1d(channels, channels, 4, stride=2)
        self.blocks = nn.ModuleList(EarBlock(channels, kernel, rows, expansion) for rows in ahead)
        self.norm = nn.LayerNorm(channels)
        self.out = nn.Linear(channels, width)
        self.rows_before = sum(kernel - 1 - rows for rows in ahead)
        self.rows_ahead = sum(ahead)

    @property
    def look_ahead(self) -> float:
        """Return how many seconds after its own 20 ms a row hears."""
        return (self.rows_ahead * SAMPLES_A_ROW + EDGE) / 16000

    def forward(self, wav: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch rows width"]:
        """Return a row for each 20 ms of a sound, silence before and after it; what is less than a row is left out."""
        before, after = (rows * SAMPLES_A_ROW + EDGE for rows in (self.rows_before, self.rows_ahead))
        return self.inner(F.pad(wav[:, : wav.shape[1] // SAMPLES_A_ROW * SAMPLES_A_ROW], (before, after)))

    def inner(self, wav: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch rows width"]:
        """Return the rows that hear all they want: `rows_before` and `rows_ahead` fewer than `rows_of_mel` gives.

        Args:
            wav: 320 samples a row and 440 more at either end.
        """
        rows = self.rows_of_mel(wav)
        for block in self.blocks:
            rows = block(rows)
        return self.out(self.norm(rows))

    def rows_of_mel(self, wav: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch rows channels"]:
        """Return what the first convolutions hear in 320 samples a row and 440 more at either end."""
        spectrum = torch.fft.rfft(wav.unfold(1, WINDOW, HOP) * self.window, FFT).abs().square()
        bands = (torch.log10(spectrum @ self.bank + 1e-6) + 3) / 2  # about 1 for speech
        return self.halve(F.gelu(self.stem(bands.transpose(1, 2)))).transpose(1, 2)


class EarBlock(nn.Module):
    """Hear in time, channel by channel, then think row by row; the result is added to what came in."""

    def __init__(self, channels: int, kernel: int, ahead: int, expansion: int) -> None:
        super().__init__()
        self.before, self.ahead = kernel - 1 - ahead, ahead
        self.time = nn.Conv1d(channels, channels, kernel, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, channels * expansion)
        self.down = nn.Linear(channels * expansion, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.3))

    def forward(self, rows: Float[Tensor, "batch rows channels"]) -> Float[Tensor, "batch fewer channels"]:
        """Return the rows that hear all they want: `before` fewer at the start, `ahead` fewer at the end."""
        heard = self.time(rows.transpose(1, 2)).transpose(1, 2)
        own = rows[:, self.before : self.before + heard.shape[1]]
        return own + self.scale * self.down(F.gelu(self.up(self.norm(heard))))


class EarStream:
    """Hear a sound piece by piece: the same rows as of the whole, whatever the pieces, `rows_ahead` rows late.

    Args:
        ear: Which, in eval mode.
    """

    def __init__(self, ear: Ear) -> None:
        self.ear = ear
        self._sound = torch.zeros(1, ear.rows_before * SAMPLES_A_ROW + EDGE)
        self._rows: list[Tensor | None] = [None] * len(ear.blocks)

    @torch.inference_mode()
    def add(self, wav: Float[Tensor, " samples"]) -> Float[Tensor, "rows width"]:
        """Hear more, and return the rows that can now be said; none of them will change."""
        self._sound = torch.cat([self._sound, wav[None]], dim=1)
        count = (self._sound.shape[1] - 2 * EDGE) // SAMPLES_A_ROW
        if count < 1:
            return torch.zeros(0, self.ear.width)
        rows = self.ear.rows_of_mel(self._sound[:, : count * SAMPLES_A_ROW + 2 * EDGE])
        self._sound = self._sound[:, count * SAMPLES_A_ROW :].clone()
        for index, block in enumerate(self.ear.blocks):
            kept = self._rows[index]
            rows = rows if kept is None else torch.cat([kept, rows], dim=1)
            assert isinstance(block, EarBlock)
            needed = block.before + block.ahead
            self._rows[index] = rows[:, max(0, rows.shape[1] - needed) :].clone()
            if rows.shape[1] <= needed:
                return torch.zeros(0, self.ear.width)
            rows = block(rows)
        return self.ear.out(self.ear.norm(rows))[0]

    def copy(self) -> EarStream:
        """Return another one that has heard the same; neither knows of what the other hears from now on."""
        other = EarStream(self.ear)
        other._sound, other._rows = self._sound, list(self._rows)
        return other

    def finish(self) -> Float[Tensor, "rows width"]:
        """Return the last rows: nothing but silence follows. What is less than a row is left out."""
        whole = (self._sound.shape[1] - EDGE) % SAMPLES_A_ROW
        self._sound = self._sound[:, : self._sound.shape[1] - whole]
        return self.add(torch.zeros(self.ear.rows_ahead * SAMPLES_A_ROW + EDGE))


def mel_bank(low: float = 40.0, high: float = 7600.0) -> Float[Tensor, "bins bands"]:
    """Return triangles over the bins of a spectrum, equally wide on the mel scale (O'Shaughnessy, 1987)."""
    places = torch.linspace(2595 * math.log10(1 + low / 700), 2595 * math.log10(1 + high / 700), BANDS + 2)
    edges = 700 * (10 ** (places / 2595) - 1)
    bins = torch.arange(FFT // 2 + 1)[:, None] * 16000 / FFT
    rising, falling = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)
