"""Hear what lips say: the beginning of a large speech encoder, 50 rows a second, that hears a quarter second ahead.

The front and the first blocks of Whisper's encoder, in which a row looks at two seconds before it and a tenth of a
second after it instead of half a minute, and knows how far off another row is, but not where in time it is itself. So
it answers while a sound is still coming, at the price of the new rows alone, and says the same whenever it hears the
same.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLES_A_ROW = 320
BANDS, WINDOW, HOP = 80, 400, 160
EDGE = 360
"""Samples that a row hears on either side of its own, before the blocks look around."""


class Ear(nn.Module):
    """Turn sound at 16 000 samples a second into rows of 20 ms.

    Whisper's encoder (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", ICML 2023): log mel
    bands every 10 ms, two convolutions to rows of 20 ms, and blocks. Here the bands' loudest value is fixed, and a
    block's rows look at few others, so that any row depends on what lies near it alone. Whisper's sines, which say
    where in its half minute a row is, are left out: a place says nothing about lips, and moves rows by more than speech
    does. A score for each distance stands in for them.

    Args:
        width: Of a row.
        blocks: How many.
        heads: Of a block's attention.
        hidden: Width inside a block's perceptron.
        back, ahead: Rows before and after its own that a row of a block looks at.
    """

    bank: Tensor
    window: Tensor

    def __init__(
        self, width: int = 512, *, blocks: int = 2, heads: int = 8, hidden: int = 2048, back: int = 100, ahead: int = 6
    ) -> None:
        super().__init__()
        self.width, self.rows_before, self.rows_ahead = width, blocks * back, blocks * ahead
        self.with_tables()
        self.stem = nn.Conv1d(BANDS, width, 3)
        self.halve = nn.Conv1d(width, width, 3, stride=2)
        self.place = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(EarBlock(width, heads, hidden, back, ahead) for _ in range(blocks))

    def with_tables(self) -> Ear:
        """Work out what is not learnt, bands and window; anew when weights were laid in."""
        self.register_buffer("bank", mel_bank(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        return self

    @property
    def look_ahead(self) -> float:
        """Return how many seconds after its own 20 ms a row hears."""
        return (self.rows_ahead * SAMPLES_A_ROW + EDGE) / 16000

    def forward(self, wav: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch rows width"]:
        """Return the rows of a window at once: what lies before it is not heard, the last `rows_ahead` are left out.

        Args:
            wav: 320 samples a row and 360 more at either end.
        """
        rows = self.front(wav) + self.place
        for block in self.blocks:
            rows = block(rows)
        return rows

    def front(self, wav: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch rows width"]:
        """Return what the convolutions hear in 320 samples a row and 360 more at either end."""
        spectrum = torch.fft.rfft(wav.unfold(1, WINDOW, HOP) * self.window).abs().square()
        loud = torch.log10((spectrum @ self.bank).clamp(min=1e-10))
        bands = (loud.clamp(min=LOUDEST - 8) + 4) / 4
        return F.gelu(self.halve(F.gelu(self.stem(bands.transpose(1, 2))))).transpose(1, 2)


LOUDEST = 1.2
"""The loudest band of speech at -24 dB, in powers of ten; 8 below is silence. Whisper takes that of half a minute."""


class Seen(NamedTuple):
    """What a block keeps of a sound that goes on: keys and values (B, H, T, C / H), rows (B, R, C) not yet answered."""

    keys: Tensor
    values: Tensor
    rows: Tensor


class EarBlock(nn.Module):
    """Look at the rows around, then think row by row; both are added to what came in.

    A head looks at others by what they say and by how far off they are: `nearness` is what it adds to the score of a
    row -back to +ahead from its own, head after head, in one dimension since eight bits are too few for it.
    """

    def __init__(self, width: int, heads: int, hidden: int, back: int, ahead: int) -> None:
        super().__init__()
        self.heads, self.back, self.ahead = heads, back, ahead
        self.nearness = nn.Parameter(torch.zeros(heads * (back + 1 + ahead)))
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm_up = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, rows: Float[Tensor, "batch rows width"]) -> Float[Tensor, "batch fewer width"]:
        """Return all rows but the last `ahead`."""
        return self.go_on(rows, None)[0]

    def go_on(
        self, rows: Float[Tensor, "batch rows width"], seen: Seen | None, unsure: int = 0
    ) -> tuple[Float[Tensor, "batch fewer width"], Seen]:
        """Return the rows that now hear all they want, `ahead` rows late, and what to keep for those that follow.

        The last `unsure` rows stand for what is yet to come: as many of the answers are unsure, and nothing of them is
        kept.
        """
        normed = self.norm(rows)
        keys, values = self._by_head(self.key(normed)), self._by_head(self.value(normed))
        if seen is not None:
            keys, values = torch.cat([seen.keys, keys], dim=2), torch.cat([seen.values, values], dim=2)
            rows = torch.cat([seen.rows, rows], dim=1)
        answered, waiting = max(0, rows.shape[1] - self.ahead), min(rows.shape[1], self.ahead)
        sure, heard_of = rows.shape[1] - unsure, keys.shape[2] - unsure
        kept = slice(max(0, heard_of - self.back - min(sure, self.ahead)), heard_of)
        left = Seen(keys[:, :, kept], values[:, :, kept], rows[:, max(0, sure - self.ahead) : sure])
        rows = rows[:, :answered]
        if not answered:
            return rows, left
        own = torch.arange(answered, device=rows.device)[:, None] + keys.shape[2] - answered - waiting
        other = torch.arange(keys.shape[2], device=rows.device)
        return self.think(rows, keys, values, self.scores(other - own)), left

    def whole(
        self, rows: Float[Tensor, "batch rows width"], scores: Float[Tensor, "*heads rows rows"] | None = None
    ) -> Float[Tensor, "batch rows width"]:
        """Return all rows, each of which looked at all; without `scores` at all alike however far off, as Whisper's."""
        normed = self.norm(rows)
        return self.think(rows, self._by_head(self.key(normed)), self._by_head(self.value(normed)), scores)

    def likeness(self, rows: Float[Tensor, "batch rows width"]) -> Float[Tensor, "batch heads rows rows"]:
        """Return how much each row wants to look at each other by what they say."""
        normed = self.norm(rows)
        asked, keys = self._by_head(self.query(normed)), self._by_head(self.key(normed))
        return asked @ keys.mT / math.sqrt(keys.shape[-1])

    def scores(self, offset: Int[Tensor, "rows others"]) -> Float[Tensor, "heads rows others"]:
        """Return what distances add to a look, minus infinity where it does not reach."""
        table = self.nearness.unflatten(0, (self.heads, -1))
        far = (offset < -self.back) | (offset > self.ahead)
        return table[:, (offset + self.back).clamp(0, self.back + self.ahead)].masked_fill(far, -math.inf)

    def think(self, rows: Tensor, keys: Tensor, values: Tensor, scores: Tensor | None) -> Tensor:
        """Return rows (B, T, C) that looked at keys and values (B, H, S, C / H) and thought."""
        asked = self._by_head(self.query(self.norm(rows)))
        scores = None if scores is None else scores.to(asked.dtype)
        heard = F.scaled_dot_product_attention(asked, keys, values, scores)
        rows = rows + self.out(heard.transpose(1, 2).flatten(2))
        return rows + self.down(F.gelu(self.up(self.norm_up(rows))))

    def _by_head(self, rows: Tensor) -> Tensor:
        """Turn (B, T, C) into (B, H, T, C / H)."""
        return rows.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class EarStream:
    """Hear a sound piece by piece: the same rows as of the whole, whatever the pieces, `rows_ahead` rows late.

    Args:
        ear: Which, in eval mode.
    """

    def __init__(self, ear: Ear) -> None:
        self.ear = ear
        self._sound = torch.zeros(1, EDGE)
        self._seen: list[Seen | None] = [None] * len(ear.blocks)

    def add(self, wav: Float[Tensor, " samples"]) -> Float[Tensor, "rows width"]:
        """Hear more, and return the rows that can now be said; none of them will change."""
        return self._hear(wav, guess=False)[0]

    def guess(self, wav: Float[Tensor, " samples"]) -> tuple[Float[Tensor, "rows width"], Float[Tensor, "more width"]]:
        """Hear more, and return what `add` does, and the rows of the rest of what was heard, as if silence followed."""
        return self._hear(wav, guess=True)

    def finish(self) -> Float[Tensor, "rows width"]:
        """Return the last rows: nothing but silence follows. What is less than a row is left out."""
        return self.guess(torch.zeros(0))[1]

    @torch.inference_mode()
    def _hear(self, wav: Tensor, *, guess: bool) -> tuple[Tensor, Tensor]:
        self._sound = torch.cat([self._sound, wav[None]], dim=1)
        left = max(0, (self._sound.shape[1] - 2 * EDGE) // SAMPLES_A_ROW)
        said, guessed = [torch.zeros(0, self.ear.width)], [torch.zeros(0, self.ear.width)]
        while left or guess:
            some = min(left, MOST_ROWS)
            left -= some
            last = guess and not left
            sound = self._to_the_end() if last else self._sound[:, : some * SAMPLES_A_ROW + 2 * EDGE]
            rows = self.ear.front(sound)
            self._sound = self._sound[:, some * SAMPLES_A_ROW :].clone()
            sure, unsure = self._say(rows, rows.shape[1] - some)
            said.append(sure)
            if last:
                guessed.append(unsure)
                break
        return torch.cat(said), torch.cat(guessed)

    def _to_the_end(self) -> Tensor:
        """Return what was heard, in whole rows, and as much silence as the last of them wants."""
        less = (self._sound.shape[1] - EDGE) % SAMPLES_A_ROW
        return F.pad(self._sound[:, : self._sound.shape[1] - less], (0, self.ear.rows_ahead * SAMPLES_A_ROW + EDGE))

    def _say(self, rows: Tensor, unsure: int) -> tuple[Tensor, Tensor]:
        """Hear rows (1, T, C) more, of which the last `unsure` may never come.

        Returns:
            the rows (R, C) that can now be said, and those that hear rows that may never come.
        """
        rows = rows + self.ear.place
        for index, block in enumerate(self.ear.blocks):
            assert isinstance(block, EarBlock)
            rows, self._seen[index] = block.go_on(rows, self._seen[index], unsure)
            unsure = min(unsure, rows.shape[1])
        sure = rows.shape[1] - unsure
        return rows[0, :sure], rows[0, sure:]


MOST_ROWS = 200
"""Rows that a stream hears at once: a row looks at some hundred, and each is compared with all that are at hand."""


def mel_bank() -> Float[Tensor, "bins bands"]:
    """Return Whisper's bank of triangles over the bins of a spectrum.

    Slaney's mel scale ("Auditory Toolbox", 1998): even up to 1 kHz, logarithmic above; each triangle's area is one.
    """
    step = math.log(6.4) / 27
    mels = torch.linspace(0, 15 + math.log(8) / step, BANDS + 2, dtype=torch.float64)
    edges = torch.where(mels < 15, mels * 200 / 3, 1000 * torch.exp(step * (mels - 15)))
    bins = torch.arange(WINDOW // 2 + 1, dtype=torch.float64)[:, None] * 16000 / WINDOW
    rising, falling = (bins - edges[:-2]) / edges.diff()[:-1], (edges[2:] - bins) / edges.diff()[1:]
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (edges[2:] - edges[:-2])).float()
