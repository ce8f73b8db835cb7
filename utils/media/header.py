"""What a media file says of its form: read from ffmpeg's report without believing what strangers wrote into the file.

ffmpeg has no structured report without ffprobe, which is not installed; its text mixes the form with titles, comments
and the file's name. Facts stand at fixed places of it: a line of two spaces and a word for the whole file and for each
stream, a fixed text for what belongs to a stream; what strangers wrote is set in further, behind a name and a colon. A
report in which a fact stands twice is not believed at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from utils.errors import DataError
from utils.media.ffmpeg import describe

_STREAM = re.compile(r"  Stream #0:(\d+)[^ ]*: (\w+): (.*)")
_DURATION = re.compile(r"  Duration: (?:(\d+):(\d+):([\d.]+)|N/A), .*")
_ROTATION = re.compile(r" {6,}(?:displaymatrix|Display Matrix): rotation of (-?\d+)(?:\.\d+)? degrees")
_OWN_COLOURS = re.compile(r" {6,}DOVI configuration record: version: [\d.]+, profile: 5, .*")
"""Dolby Vision of the profile whose pictures are in colours of its own; others can be shown as HLG, PQ or BT.709."""


@dataclass(frozen=True)
class StreamHeader:
    """One stream: its kind (Video, Audio, Subtitle, Data, Attachment), what is said of it, degrees to turn it by.

    `turned` tells whether it has a matrix that turns or mirrors it, also one of 0 degrees; `own_colours`, whether its
    pictures are Dolby Vision's profile 5.
    """

    kind: str
    text: str
    rotation: int = 0
    turned: bool = False
    own_colours: bool = False

    @property
    def is_cover(self) -> bool:
        """Tell whether it is a picture that goes with a sound."""
        return "(attached pic)" in self.text


@dataclass(frozen=True)
class MediaHeader:
    """A file's length in seconds (0 when it does not say) and its streams in order."""

    duration_s: float
    streams: tuple[StreamHeader, ...]

    def of_kind(self, kind: str) -> list[StreamHeader]:
        """List the streams of a kind, covers left out."""
        return [stream for stream in self.streams if stream.kind == kind and not stream.is_cover]


def read_header(file: Path) -> MediaHeader:
    """Read what a file says of its form; without streams when ffmpeg cannot read it.

    Raises:
        DataError: Its name or its tags are made up to look like such a report.
    """
    return parse_report(describe(file), str(file))


def parse_report(report: str, called: str) -> MediaHeader:
    """Read the report of `ffmpeg -i`; `called` names the file in the error.

    Raises:
        DataError: A name or a tag looks like a part of the report.
    """
    lines = [line.rstrip("\r") for line in report.split("\n")]  # not splitlines: a title may hold U+2028 or U+0085
    durations = [match for line in lines if (match := _DURATION.fullmatch(line))]
    streams: list[StreamHeader] = []
    numbers: list[int] = []
    rotations = 0
    for line in lines:
        if match := _STREAM.fullmatch(line):
            numbers.append(int(match[1]))
            streams.append(StreamHeader(match[2], match[3]))
            rotations = 0
        elif streams and (match := _ROTATION.fullmatch(line)):
            rotations += 1
            streams[-1] = replace(streams[-1], rotation=int(match[1]) % 360, turned=True)
            if rotations > 1:
                numbers.append(-1)
        elif streams and _OWN_COLOURS.fullmatch(line):
            streams[-1] = replace(streams[-1], own_colours=True)
    if len(durations) > 1 or numbers != list(range(len(numbers))):
        raise DataError(
            f"{called}: its name or its tags look like ffmpeg's report about it, so its form cannot be told. "
            "Rename it, or take the tags out: ffmpeg -i FILE -c copy -map_metadata -1 NEW"
        )
    clock = durations[0] if durations and durations[0][1] else None
    duration = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else 0.0
    return MediaHeader(duration, tuple(streams))
