"""Which sound of a file is heard, and how: one answer for data and for speaking.

A recording may have several tracks (a camera's own, silent, before that of the microphone), a right channel that is the
left one turned over (their mean is silence), or time stamps with a gap of hours, which a decoder fills with silence.
"""

from __future__ import annotations

import functools
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.arrays import Floats
from utils.errors import DataError
from utils.media.ffmpeg import Stream, input_arguments
from utils.media.header import StreamHeader, read_header
from utils.media.plain_wav import plain_wav

log = logging.getLogger(__name__)
LONGEST_S = 4 * 3600
"""A sound that is longer is refused: at 16,000 samples a second it takes a gigabyte of memory."""
_SHORT_S = 600
_LEAST_BYTES_A_SECOND = 100
"""No codec for speech takes fewer, so a file that lasts longer than its bytes can say has a gap in its time stamps."""
_LOOKED_AT_S = 300
_CANCELLED = 0.3
"""Loudness of all channels' mean over that of the loudest one, below which they cancel (in step it is 0.5 to 1)."""
_MOST_CHANNELS = 16
_CHANNELS = {"mono": 1, "stereo": 2, "quad": 4, "5.0": 5, "5.1": 6, "6.1": 7, "7.1": 8}


@dataclass(frozen=True)
class SoundSource:
    """The track that is heard (among those of sound, from 0), its one channel if all of them cancel, and why.

    Attributes:
        lasts_s: How long the file says that it is, in seconds; 0 when it does not say.
    """

    track: int = 0
    channel: int | None = None
    reason: str = ""
    lasts_s: float = 0.0

    @property
    def filters(self) -> str:
        """Return what ffmpeg's audio filters begin with, a comma behind it; empty when all channels are heard."""
        return "" if self.channel is None else f"pan=mono|c0=c{self.channel},"


def sound_arguments(
    file: Path, rate: int, *, skipped_s: float = 0, track: int | None = None, whole: bool = True
) -> list[str]:
    """Return what makes ffmpeg give the sound of a file as mono float32 at `rate` on its standard output.

    The output ends a second after `most_seconds`; a file of which the `whole` is wanted and that says it is longer is
    refused before anything is decoded.
    """
    source = choose_sound(file, track)
    if whole:
        refuse_too_long(file, int(source.lasts_s * rate), rate)
    mix = ["-ac", "1"] if source.channel is None else []
    return [
        *input_arguments(file, skipped_s), "-map", f"0:a:{source.track}", "-vn", "-sn", "-dn", *mix,
        "-t", f"{most_seconds(file) + 1:.3f}", "-af", f"{source.filters}aresample={rate}:async=1:first_pts=0",
        "-f", "f32le", "pipe:1",
    ]  # fmt: skip


def refuse_without_sound(file: Path) -> None:
    """Refuse, before seconds are spent on anything else, a file whose header names no sound.

    Raises:
        DataError: It does not.
    """
    header = read_header(file)
    if not header.of_kind("Audio"):
        what = "is a video without sound" if header.of_kind("Video") else "is no sound that ffmpeg can read"
        raise DataError(f"{file} {what}. Name a recording of what is to be said.")


def most_seconds(file: Path) -> float:
    """Return how long the sound of a file of this size may be."""
    return min(LONGEST_S, max(_SHORT_S, file.stat().st_size / _LEAST_BYTES_A_SECOND))


def refuse_too_long(file: Path, samples: int, rate: int) -> None:
    """Refuse a sound that goes on beyond `most_seconds`.

    Raises:
        DataError: It does: it is too long, or its time stamps have a gap.
    """
    most = most_seconds(file)
    if samples <= most * rate:
        return
    if most >= LONGEST_S:
        raise DataError(f"{file} lasts more than {LONGEST_S / 3600:.0f} hours. Cut it into parts.")
    raise DataError(
        f"{file} would last more than {most / 60:.0f} minutes, which its {file.stat().st_size:,} bytes cannot hold: "
        "its time stamps have a gap. Write it anew: ffmpeg -i FILE -af asetpts=N/SR/TB NEW.wav"
    )


@functools.lru_cache(maxsize=64)
def _chosen(path: str, size: int, modified: int, track: int | None) -> SoundSource:
    file = Path(path)
    if (form := plain_wav(file)) is not None:
        tracks, count, lasts_s = [], 1, form.samples / form.rate
    else:
        header = read_header(file)
        tracks, count, lasts_s = header.of_kind("Audio"), len(header.of_kind("Audio")), header.duration_s
    if track is not None and not 0 <= track < count:
        raise DataError(f"{file} has {count} track(s) of sound; there is no track {track + 1}.")
    if not tracks or (len(tracks) == 1 and _channels(tracks[0]) == 1):
        return SoundSource(lasts_s=lasts_s)
    loudness = {
        number: _loudness(file, number, _channels(stream))
        for number, stream in enumerate(tracks) if track in (None, number)
    }  # fmt: skip
    heard = max(loudness, key=lambda number: max(loudness[number][0], default=0.0))
    each, mixed = loudness[heard]
    reasons = []
    if count > 1:
        why = "the loudest" if track is None else "as asked"
        reasons.append(f"track {heard + 1} of {count} is heard, {why}")
    channel = None
    if len(each) == 2 and mixed < _CANCELLED * max(each):  # of more, the voice is in one, and the mix weighs them
        channel = int(np.argmax(each))
        reasons.append(f"its channels cancel each other, so channel {channel + 1} is heard alone")
    return SoundSource(heard, channel, "; ".join(reasons), lasts_s)


def choose_sound(file: Path, track: int | None = None, *, say: bool = True) -> SoundSource:
    """Choose what is heard of a file, and `say` so when there was a choice.

    Args:
        track: The one that the user names, from 0; None chooses the loudest.

    Raises:
        DataError: There is no such track.
    """
    status = file.stat()
    source = _chosen(str(file.absolute()), status.st_size, status.st_mtime_ns, track)
    if source.reason and say:
        log.info("%s: %s", file.name, source.reason)
    return source


def track_of(number: int | None) -> int | None:
    """Return the track, from 0, that a person calls by `number`, from 1; None stays None."""
    return None if number is None else number - 1


def _channels(stream: StreamHeader) -> int:
    """Count the channels that a stream says it has; 2, to which it can be mixed, when that is nothing sensible."""
    words = [word.strip().split("(")[0] for word in stream.text.split(",")]
    for word in words:
        if word in _CHANNELS:
            return _CHANNELS[word]
        if (match := re.fullmatch(r"(\d{1,2}) channels", word)) and 1 <= int(match[1]) <= _MOST_CHANNELS:
            return int(match[1])
    return 2


def _loudness(file: Path, track: int, channels: int) -> tuple[list[float], float]:
    """Measure the root mean square of each channel of a track, and of their mean, over its first minutes."""
    layout = "" if channels > 2 else f",aformat=channel_layouts={'mono' if channels == 1 else 'stereo'}"
    arguments = [*input_arguments(file), "-map", f"0:a:{track}", "-vn", "-sn", "-dn", "-t", str(_LOOKED_AT_S)]
    arguments += ["-af", f"aresample=8000{layout}", "-f", "f32le", "pipe:1"]
    squares, mixed, count = np.zeros(channels), 0.0, 0
    with Stream(arguments) as stream:
        block = np.empty((1 << 16, channels), np.float32)
        while filled := stream.read_into(block.data.cast("B")) // (4 * channels):
            rows: Floats = np.nan_to_num(block[:filled])
            squares += np.square(rows, dtype=np.float64).sum(axis=0)
            mixed += float(np.square(rows.mean(axis=1), dtype=np.float64).sum())
            count += filled
    if not count:
        return [], 0.0
    return np.sqrt(squares / count).tolist(), float(np.sqrt(mixed / count))
