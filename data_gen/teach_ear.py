"""Teach a small ear to say what the same blocks of Whisper say when they hear half a minute at once.

Whisper's rows tell where in their half minute they stand: set elsewhere in it, the same speech gives rows that differ
by more than a channel's spread. So the teacher says the mean of several places, what silence says at each taken off;
the pupil, an `Ear`, knows no places at all, begins with the teacher's weights and learns to say that mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from modules.motion.ear import EDGE, Ear, EarBlock
from utils.arrays import Floats, Numbers
from utils.errors import DataError
from utils.files.tree import SOUND_SUFFIXES, files_under
from utils.media.wav import read_wav
from utils.rates import SAMPLES_A_ROW
from utils.sound.speech_level import levelled, measure

PLACES = 1500
"""Rows whose places in time Whisper knows: 30 s."""
STEP_ROWS, MARGIN_ROWS = 500, 75
"""How far apart the half minutes begin, so that most rows are heard at three places; rows at an edge that do not count.
"""
DRIFT_ROWS = 50
"""Rows over which what silence says at a place is averaged."""
WINDOW_ROWS, WINDOWS = 400, 4
"""Rows of a window, and windows of an update."""
SKIPPED_ROWS = 30
"""Rows at a window's beginning that do not count: they hear too little before them."""
BEGINNINGS = 40
"""Windows from which is learnt what places add to a look."""
RATE_OF_LEARNING = 4e-4
LOOKED_AT = 100_000
"""Rows from which it is learnt how far channels spread, and twice as many from which how fast they change."""
HELD_OUT = 15
"""Every so-manyth file is held out."""


class Lesson(NamedTuple):
    """A sound (S,) in 16 bits, 320 samples a row, and what the teacher says to it (S / 320, C), in 16 bits."""

    wav: Numbers
    rows: Numbers


def sines(rows: int, width: int) -> Tensor:
    """Return what Whisper adds to rows to say where in time they are (Vaswani et al., 2017): sines, then cosines."""
    speeds = torch.exp(-math.log(10000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(rows)[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Teacher:
    """Say what an ear's blocks say when all rows of half a minute see each other, as the mean of several places.

    Args:
        ear: With Whisper's weights.
    """

    def __init__(self, ear: Ear) -> None:
        self.ear, self.places = ear, sines(PLACES, ear.width)
        with torch.inference_mode():
            self.quiet = ear.front(torch.zeros(1, SAMPLES_A_ROW + 2 * EDGE)).expand(1, PLACES, -1)
            silent = self.heard(self.quiet).unflatten(0, (-1, DRIFT_ROWS)).mean(dim=1)
        self.drift = F.interpolate((silent - silent.mean(dim=0)).T[None], PLACES, mode="linear")[0].T

    def heard(self, rows: Tensor) -> Tensor:
        """Return what the blocks say to half a minute (1, 1500, C), (1500, C)."""
        rows = rows + self.places
        for block in self.ear.blocks:
            assert isinstance(block, EarBlock)
            rows = block.whole(rows)
        return rows[0].float()

    @torch.inference_mode()
    def rows(self, wav: Floats) -> Tensor:
        """Return the rows (T, C) of a sound (320 T,)."""
        count = len(wav) // SAMPLES_A_ROW
        sound = F.pad(torch.from_numpy(wav)[None], (EDGE, EDGE))
        pieces = [
            sound[:, start * SAMPLES_A_ROW : min(start + PLACES, count) * SAMPLES_A_ROW + 2 * EDGE]
            for start in range(0, count, PLACES)
        ]
        front = torch.cat([self.ear.front(piece) for piece in pieces], dim=1)
        total, times = torch.zeros(count, self.ear.width), torch.zeros(count, 1)
        for start in range(STEP_ROWS - PLACES, count, STEP_ROWS):
            first, stop = max(0, start), min(count, start + PLACES)
            window = self.quiet.clone()
            window[:, first - start : stop - start] = front[:, first:stop]
            heard = self.heard(window) - self.drift
            first += MARGIN_ROWS if first else 0
            stop -= MARGIN_ROWS if stop < count else 0
            total[first:stop] += heard[first - start : stop - start]
            times[first:stop] += 1
        return total / times


def sounds(folder: Path) -> list[Path]:
    """Return every sound in a folder and below.

    Raises:
        DataError: There is none.
    """
    files = [file for file in files_under(folder) if file.suffix.lower() in SOUND_SUFFIXES]
    if not files:
        raise DataError(f"{folder} holds no sound ({', '.join(SOUND_SUFFIXES)}).")
    return files


def lesson(file: Path, teacher: Teacher, kept: Path) -> Lesson | None:
    """Read a sound, its speech at one loudness, and say what the teacher says to it; None where it lasts no row.

    Both lie in the folder `kept`, not in memory.
    """
    wav = read_wav(file)
    wav = levelled(wav, measure(wav))[: len(wav) // SAMPLES_A_ROW * SAMPLES_A_ROW]
    if not len(wav):
        return None
    with torch.autocast("cpu", torch.bfloat16):
        rows = teacher.rows(wav)
    parts = []
    for values in (wav, rows.numpy()):
        with NamedTemporaryFile(dir=kept, suffix=".npy", delete=False) as out:
            np.save(out, values.astype(np.float16))
        parts.append(np.load(out.name, mmap_mode="r"))
    return Lesson(*parts)


class Course:
    """Teach an ear that has Whisper's weights; its front stays as it is.

    Args:
        ear: Which.
        taught: What to learn from; every fifteenth that is long enough, in the order given, is held out.

    Raises:
        DataError: No sound is as long as a window.
    """

    def __init__(self, ear: Ear, taught: Sequence[Lesson]) -> None:
        self.ear, self.rng, self.length = ear, np.random.default_rng(0), WINDOW_ROWS + ear.rows_ahead
        long = [lesson for lesson in taught if len(lesson.rows) >= self.length]
        if not long:
            raise DataError(f"No sound is as long as {math.ceil(self.length / 50)} s.")
        self.held_out = long[HELD_OUT - 1 :: HELD_OUT]
        self.train = [lesson for index, lesson in enumerate(long) if (index + 1) % HELD_OUT]
        lengths = np.array([len(lesson.rows) for lesson in self.train], np.float64)
        self.odds = lengths / lengths.sum()
        every = max(7, int(lengths.sum()) // LOOKED_AT)
        some = np.concatenate([lesson.rows[::every].astype(np.float32) for lesson in self.train])
        few = self.train[:: max(1, 2000 * len(self.train) // (2 * LOOKED_AT))]
        moves = np.concatenate([np.diff(lesson.rows[:2000].astype(np.float32), axis=0) for lesson in few])
        self.mean, self.spread, self.move = (
            torch.from_numpy(value).clamp(min=least)
            for value, least in ((some.mean(axis=0), -math.inf), (some.std(axis=0), 1e-4), (moves.std(axis=0), 1e-4))
        )

    @torch.no_grad()
    def begin(self) -> None:
        """Let distances add to a look what places added in the mean, and the rows be right in the mean."""
        places = sines(PLACES, self.ear.width)
        self.ear.place.copy_(places.mean(dim=0))
        offset = torch.arange(WINDOW_ROWS) - torch.arange(WINDOW_ROWS)[:, None]
        blocks = [block for block in self.ear.blocks if isinstance(block, EarBlock)]
        for index, block in enumerate(blocks):
            reached = (offset >= -block.back) & (offset <= block.ahead)
            plain = torch.zeros(offset.shape).masked_fill(~reached, -math.inf)
            distance = (offset + block.back)[reached]
            added = torch.zeros(block.heads, block.back + 1 + block.ahead)
            for _ in range(BEGINNINGS):
                front = self.ear.front(self._batch(self.train, 1)[0])[:, :WINDOW_ROWS]
                first = int(self.rng.integers(PLACES - WINDOW_ROWS))
                placed, free = front + places[first : first + WINDOW_ROWS], front + self.ear.place
                for before in blocks[:index]:
                    placed, free = before.whole(placed, plain), before.whole(free, before.scores(offset))
                more = block.likeness(placed) - block.likeness(free)
                added.index_add_(1, distance, more[0][:, reached])
            added /= BEGINNINGS * torch.bincount(distance, minlength=added.shape[1]).clamp(min=1)
            block.nearness.copy_((added - added.mean(dim=1, keepdim=True)).flatten())
        wav, rows = self._batch(self.train, 20)
        blocks[-1].down.bias.sub_((self.ear(wav) - rows)[:, SKIPPED_ROWS:].mean(dim=(0, 1)))

    def learn(self, updates: int) -> Iterator[float]:
        """Learn from random windows, and yield the loss of every update."""
        learnt = [value for name, value in self.ear.named_parameters() if not name.startswith(("stem.", "halve."))]
        optimizer = torch.optim.Adam(learnt, lr=RATE_OF_LEARNING, betas=(0.9, 0.98))
        for update in range(1, updates + 1):
            for group in optimizer.param_groups:
                falling = 0.51 + 0.49 * math.cos(math.pi * update / updates)
                group["lr"] = RATE_OF_LEARNING * min(1.0, update / 50) * falling
            wav, rows = self._batch(self.train, WINDOWS)
            with torch.autocast("cpu", torch.bfloat16):
                said = self.ear(wav)
            loss = self.loss(said.float(), rows)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learnt, 1.0)
            optimizer.step()
            yield loss.item()

    def loss(self, said: Tensor, rows: Tensor) -> Tensor:
        """Return how far rows (B, T, C) are off, each channel in its spread, in value, change and direction."""
        said, rows = said[:, SKIPPED_ROWS:], rows[:, SKIPPED_ROWS:]
        off = said - rows
        along = F.cosine_similarity((said - self.mean) / self.spread, (rows - self.mean) / self.spread, dim=-1)
        value = F.huber_loss(off / self.spread, torch.zeros_like(off), delta=3.0)
        return value + 0.25 * (off.diff(dim=1) / self.move).square().mean() + 0.5 * (1 - along.mean())

    @torch.no_grad()
    def error(self) -> float:
        """Return how far held-out rows are off, in a channel's spread; what was learnt where none is held out."""
        lessons = self.held_out or self.train
        wav, rows = self._batch(lessons, 40, np.random.default_rng(1))
        return float(((self.ear(wav) - rows)[:, SKIPPED_ROWS:] / self.spread).square().mean().sqrt())

    def _batch(
        self, lessons: Sequence[Lesson], count: int, rng: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw windows: sound (B, S) that an ear wants for their rows, and what the teacher says (B, T, C)."""
        rng = rng or self.rng
        wavs, rows = [], []
        for index in rng.choice(len(lessons), count, p=self.odds if lessons is self.train else None):
            lesson = lessons[index]
            first = int(rng.integers(len(lesson.rows) - self.length + 1))
            begin, end = first * SAMPLES_A_ROW - EDGE, (first + self.length) * SAMPLES_A_ROW + EDGE
            sound = lesson.wav[max(0, begin) : end].astype(np.float32)
            left = max(0, -begin)
            wavs.append(np.pad(sound, (left, end - begin - left - len(sound))))
            rows.append(lesson.rows[first : first + WINDOW_ROWS].astype(np.float32))
        return torch.from_numpy(np.stack(wavs)), torch.from_numpy(np.stack(rows))
