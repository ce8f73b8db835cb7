"""Windows of speech and landmark motion from any mix of persons' videos and clip folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.presence import refuse_missing
from data_gen.clips.shards import ClipIndex, ClipShards
from data_gen.ear import refuse_other_ear
from data_gen.video.dataset import VideoDataset, VideoMeta
from data_gen.video.job import MIN_FRAMES
from utils.arrays import Floats
from utils.errors import DataError
from utils.files.digests import fingerprint
from utils.rates import FPS

Split = Literal["train", "val", "all"]


class MotionBatch(NamedTuple):
    """Windows of T frames, padded with zeros.

    audio (B, 2T, C) float32; landmarks (B, T, 68, 3) float32; pitch_hz (B, 2T) float32, 0 = unvoiced;
    mask (B, T) bool, True = real; speaker (B,) int64, equal for the same person.
    """

    audio: Tensor
    landmarks: Tensor
    pitch_hz: Tensor
    mask: Tensor
    speaker: Tensor


class Run(NamedTuple):
    """An unbroken stretch of one shot: rows [start, stop) of clip `clip` of source `source`."""

    source: int
    clip: int
    start: int
    stop: int
    speaker: int

    @property
    def frames(self) -> int:
        """Count the frames."""
        return self.stop - self.start


class Window(NamedTuple):
    """The arrays of some frames of a run: audio (2T, C), landmarks (T, 68, 3), pitch_hz (2T,)."""

    audio: Floats
    landmarks: Floats
    pitch_hz: Floats
    speaker: int


class MotionCorpus:
    """Draw windows from one or several sources.

    Args:
        paths: Folders, each a person's dataset (data/binary/videos/<id>) or a folder of clips (data/binary/lrs3).
        audio_feature: Which speech feature; all sources must have it, equally wide.
        split: "train", "val" or "all".
        val_share: Hold out this last share of a person's video instead of what the dataset says; 0 leaves it.
        val_talkers: Hold out these talkers of the clips, with all they say, instead of the clips that the folder says.
        centred: Take each talker's own mean face off the landmarks, so that they say how a face moves and not whose it
            is.

    Raises:
        DataError: A folder is missing or lacks the feature; the message has the command that makes it. A talker to hold
            out is not there.
        ConfigError: The feature was heard by another ear than would hear it now.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        audio_feature: str,
        split: Split = "train",
        *,
        val_share: float = 0.0,
        val_talkers: Sequence[str] = (),
        centred: bool = False,
    ) -> None:
        self.audio_feature, self.split, self.val_share = audio_feature, split, val_share
        self.sources: list[VideoDataset | ClipShards] = [_open(Path(path), audio_feature, val_share) for path in paths]
        if not self.sources:
            raise DataError("No motion data was named. Give --video_id <id> or --binary_data_dir <folder of clips>.")
        self.runs: list[Run] = []
        speakers: dict[str, int] = {}
        widths: dict[str, int] = {}
        _refuse_strangers(self.sources, val_talkers)
        for number, source in enumerate(self.sources):
            widths[str(source.path)] = self._width(source)
            self.runs += _runs(number, source, split, speakers, val_talkers)
        if len(set(widths.values())) > 1:
            raise DataError(f"'{audio_feature}' is not equally wide everywhere: {widths}. Make the odd one again.")
        self.audio_dim = next(iter(widths.values()))
        self.ear = self._ear()
        """Which ear heard the feature (`data_gen.ear.ears_of`); empty where there is none, or it is not known."""
        levels = {str(source.path): _facts(source).sound_level for source in self.sources}
        if len(set(levels.values())) > 1:
            raise DataError(f"Speech is not equally loud everywhere: {levels}. Make what has no level again.")
        self.sound_level = next(iter(levels.values()))
        self.speakers = list(speakers)
        if not self.runs:
            folders = ", ".join(str(source.path) for source in self.sources)
            raise DataError(f"{folders}: no {split} stretch of {MIN_FRAMES} frames or more. Give a longer video.")
        self._ends = np.cumsum([run.frames for run in self.runs])
        self._last: list[tuple[Run, int, int]] = []
        self.val_talkers = sorted(val_talkers)
        self.faces: Floats | None = None
        self.faces = self._mean_faces() if centred else None

    def _mean_faces(self, most: int = 1500) -> Floats:
        """Return every talker's mean face (speakers, 68, 3), of the first `most` frames or a little more."""
        sums = np.zeros((len(self.speakers), 68, 3))
        counts = np.zeros(len(self.speakers))
        for run in self.runs:
            if counts[run.speaker] < most:
                landmarks = self.read(run, 0, most).landmarks
                sums[run.speaker] += landmarks.sum(axis=0)
                counts[run.speaker] += len(landmarks)
        return (sums / counts[:, None, None]).astype(np.float32)

    def _width(self, source: VideoDataset | ClipShards) -> int:
        widths = _facts(source).audio_features
        if self.audio_feature not in widths:
            names = ", ".join(sorted(widths))
            again = f"make the clips (--audio_features {self.audio_feature})"
            if isinstance(source, VideoDataset):
                source.refuse_unpacked()
                again = "process the video"
            raise DataError(
                f"{source.path} has no audio feature '{self.audio_feature}'. It has {names}: choose one of these with "
                f"--audio_feature, or {again} again with the weights for '{self.audio_feature}' in place."
            )
        return widths[self.audio_feature]

    def _ear(self) -> str:
        """Return which ear heard all sources; refuse those that go with another than would hear the feature now."""
        found = ""
        for source in self.sources:
            again = "Process the video again." if isinstance(source, VideoDataset) else "Make the clips again."
            heard_by = _facts(source).ears.get(self.audio_feature, "")
            refuse_other_ear(self.audio_feature, heard_by, str(source.path), again)
            found = heard_by or found
        return found

    @property
    def frames(self) -> int:
        """Count all frames."""
        return int(self._ends[-1])

    @property
    def fingerprint(self) -> str:
        """Digest which data this is, as the sources state it."""
        parts = [_facts(source).fingerprint for source in self.sources]
        share = [f"{self.val_share:g}"] if self.val_share else []
        return fingerprint(parts, self.audio_feature, *share, *self.val_talkers, *(["centred"] if self.centred else []))

    @property
    def centred(self) -> bool:
        """Say whether the talkers' own faces are taken off."""
        return self.faces is not None

    def read(self, run: Run, first: int = 0, frames: int | None = None) -> Window:
        """Read `frames` frames of a run from its frame `first` on (to its end when None).

        Raises:
            DataError: The clip does not have the rows of so many frames.
        """
        start = run.start + first
        stop = run.stop if frames is None else min(run.stop, start + frames)
        source = self.sources[run.source]
        if isinstance(source, VideoDataset):
            audio = source.audio(self.audio_feature)[2 * start : 2 * stop]
            pitch = source.audio("pitch_hz")[2 * start : 2 * stop]
            landmarks = source.landmarks[start:stop]
        else:
            clip = source.index.clips[run.clip]
            audio = source.read(clip, self.audio_feature, 2 * start, 2 * stop)
            pitch = source.read(clip, "pitch_hz", 2 * start, 2 * stop)
            landmarks = source.read(clip, "landmarks", start, stop)
        if len(audio) != 2 * len(landmarks) or len(pitch) != len(audio) or len(landmarks) != stop - start:
            raise DataError(
                f"{source.path} has {len(audio)} speech rows and {len(landmarks)} faces for {stop - start} frames "
                "(wants 2 and 1 a frame). Process it again."
            )
        if self.faces is not None:
            landmarks = landmarks - self.faces[run.speaker]
        return Window(audio, landmarks, pitch, run.speaker)

    def batch(self, rng: np.random.Generator, size: int, frames: int) -> MotionBatch:
        """Draw `size` windows of `frames` frames, every frame of the corpus equally likely; depends on `rng` only."""
        self._last = []
        for place in rng.integers(0, self.frames, size):
            number = int(np.searchsorted(self._ends, place, side="right"))
            run = self.runs[number]
            latest = max(0, run.frames - frames)
            inside = int(place - (self._ends[number] - run.frames)) - int(rng.integers(0, frames))
            self._last.append((run, int(np.clip(inside, 0, latest)), frames))
        return collate([self.read(*place) for place in self._last], frames)

    def names(self) -> list[str]:
        """Name the windows that the last batch was made of: source, clip, first frame and the one after the last."""
        names = []
        for run, first, frames in self._last:
            source, start = self.sources[run.source], run.start + first
            clip = "" if isinstance(source, VideoDataset) else f" clip {source.index.clips[run.clip].id}"
            stop = min(run.stop, start + frames)
            names.append(f"{source.path}:{clip} frames {start} to {stop} ({start / FPS:.2f} s)")
        return names

    def whole(self, frames: int, *, size: int = 8, limit: int | None = None) -> list[MotionBatch]:
        """Cut every run into consecutive windows of `frames` frames, `size` a batch, the same every time.

        Args:
            limit: Take at most so many windows, spread evenly over the corpus.
        """
        places = [(run, first) for run in self.runs for first in range(0, run.frames, frames)]
        places = [(run, first) for run, first in places if run.frames - first >= MIN_FRAMES]
        if limit is not None and len(places) > limit:
            places = [places[i] for i in np.linspace(0, len(places) - 1, limit).astype(int)]
        windows = [self.read(run, first, frames) for run, first in places]
        return [collate(windows[i : i + size]) for i in range(0, len(windows), size)]

    def statistics(self, limit: int = 200) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean (C,) and spread (C,) of the speech feature and the mean landmarks (68, 3), over `limit` runs."""
        chosen = np.linspace(0, len(self.runs) - 1, min(limit, len(self.runs))).astype(int)
        windows = [self.read(self.runs[i], 0, 1500) for i in np.unique(chosen)]
        audio = np.concatenate([window.audio for window in windows]).astype(np.float64)
        landmarks = np.concatenate([window.landmarks for window in windows]).mean(0)
        mean, std = (torch.from_numpy(x.astype(np.float32)) for x in (audio.mean(0), audio.std(0)))
        return mean, std, torch.from_numpy(landmarks)


def collate(windows: Sequence[Window], frames: int | None = None) -> MotionBatch:
    """Pad windows to `frames` (to the longest when None) and say which frames are real."""
    frames = frames or max(len(window.landmarks) for window in windows)
    batch, width = len(windows), windows[0].audio.shape[1]
    audio, landmarks = torch.zeros(batch, 2 * frames, width), torch.zeros(batch, frames, 68, 3)
    pitch, mask = torch.zeros(batch, 2 * frames), torch.zeros(batch, frames, dtype=torch.bool)
    for i, window in enumerate(windows):
        n = len(window.landmarks)
        audio[i, : 2 * n] = torch.from_numpy(window.audio)
        landmarks[i, :n] = torch.from_numpy(window.landmarks)
        pitch[i, : 2 * n] = torch.from_numpy(window.pitch_hz)
        mask[i, :n] = True
    return MotionBatch(audio, landmarks, pitch, mask, torch.tensor([window.speaker for window in windows]))


def _facts(source: VideoDataset | ClipShards) -> VideoMeta | ClipIndex:
    return source.meta if isinstance(source, VideoDataset) else source.index


def _open(path: Path, audio_feature: str, val_share: float) -> VideoDataset | ClipShards:
    refuse_missing(path, audio_feature)
    if (path / "meta.json").is_file():
        video = VideoDataset(path)
        if val_share:
            start = round((1 - val_share) * video.meta.frames)
            video.meta = video.meta.model_copy(update={"val_start": start})
        return video
    return ClipShards(path)


def _refuse_strangers(sources: Sequence[VideoDataset | ClipShards], val_talkers: Sequence[str]) -> None:
    """Refuse talkers to hold out of whom no folder of clips has any."""
    there = {clip.speaker for source in sources if isinstance(source, ClipShards) for clip in source.index.clips}
    if absent := sorted(set(val_talkers) - there):
        folders = ", ".join(str(source.path) for source in sources)
        raise DataError(f"val_talkers: {folders} has no clip of {', '.join(absent)}. Name talkers of its index.json.")


def _runs(
    number: int,
    source: VideoDataset | ClipShards,
    split: Split,
    speakers: dict[str, int],
    val_talkers: Sequence[str] = (),
) -> list[Run]:
    if isinstance(source, VideoDataset):
        speaker = speakers.setdefault(f"video:{source.meta.id}", len(speakers))
        runs = [Run(number, 0, a, b, speaker) for a, b in source.shots(split)]
    else:
        runs = []
        for order, clip in enumerate(source.index.clips):
            part = clip.split
            if val_talkers:
                part = "val" if clip.speaker in val_talkers else "train"
            if split in (part, "all"):
                speaker = speakers.setdefault(f"{source.path.name}:{clip.speaker}", len(speakers))
                runs += [Run(number, order, start, stop, speaker) for start, stop in clip.shots()]
    return [run for run in runs if run.frames >= MIN_FRAMES]
