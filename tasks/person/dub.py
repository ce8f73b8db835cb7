"""Let a person say something else in their own video: at its size and rate, with only the lower face drawn anew."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_gen.video.dataset import VideoDataset
from data_gen.video.framing.source import Source
from tasks.renderer.portrait.composer import Inlay, usual_unit
from tasks.speaking.frames import write_frames
from tasks.speaking.mend import post_process
from tasks.speaking.resting_face import Person
from tasks.speaking.sound import Sound
from utils.arrays import Bytes, Floats, Ints, Reals
from utils.camera import make_transform, nearest_rotation
from utils.errors import DataError
from utils.media.marks.marks import Marks
from utils.media.pictures import fitted
from utils.media.sound_source import track_of
from utils.media.video import probe, read_frames
from utils.rates import FPS, RATE

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead


@dataclass(frozen=True)
class Moments:
    """Which frames of the video are dubbed, and where they lie in the dataset.

    Attributes:
        fps: The video's own rate.
        first: First frame, counted at that rate.
        places: (T,) where each lies among the dataset's frames, which are 25 a second.
    """

    fps: float
    first: int
    places: Reals

    def nearest(self) -> Ints:
        """Return the nearest frame of the dataset (T,)."""
        return self.places.round().astype(np.int64)


def moments_of(data: VideoDataset, source: Source, fps: float, start_s: float, seconds: float) -> Moments:
    """Choose the frames that a sound of so many seconds takes, from `start_s` of the video on.

    Raises:
        DataError: The dataset does not reach so far, or no face is seen there.
    """
    begin, end = source.start_s, source.start_s + len(data) / FPS
    first, count = round(min(start_s, 2 * end) * fps), math.ceil(seconds * fps - 1e-6)
    places = ((first + np.arange(count)) / fps - source.start_s) * FPS
    if places[0] < -0.5 or places[-1] > len(data) - 0.5:
        raise DataError(
            f"{seconds:.1f} s of sound from {start_s:g} s on: the person is known from {begin:g} to {end:.1f} s of the "
            "video. Give a shorter sound, or another --start_s."
        )
    places = places.clip(0, len(data) - 1)
    hidden = np.flatnonzero(~data.kept[places.round().astype(int)])
    if len(hidden):
        raise DataError(
            f"No face is seen at {(first + int(hidden[0])) / fps:.2f} s of the video, which the sound reaches. Give a "
            "shorter sound, or another --start_s."
        )
    return Moments(fps, first, places)


def between(values: Floats, places: Reals, cuts: list[int]) -> Floats:
    """Read values (T, ...) at fractional places (N,); across a cut the nearest is taken."""
    low = np.floor(places).astype(int).clip(0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = (places - low).astype(np.float32)
    share = np.where(np.isin(high, cuts), np.round(share), share).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1 - share) * values[low] + share * values[high], np.float32)


def poses_at(world_from_camera: Floats, places: Reals, cuts: list[int]) -> Floats:
    """Return the poses (N, 4, 4) at fractional places (N,) of a path (T, 4, 4)."""
    mixed = between(world_from_camera, places, cuts)
    return np.asarray(make_transform(nearest_rotation(mixed[:, :3, :3]), mixed[:, :3, 3]), np.float32)


def dub(head: TalkingHead, video: Path, audio: Path, out: Path, start_s: float = 0.0) -> Path:
    """Write an mp4 of a stretch of the video, as long as the sound, in which the person says it.

    Beyond the lower face every frame is as ffmpeg decodes it, to the byte, before it is encoded again; the pattern that
    marks it lies on what was drawn, and nowhere else. A label that was asked for lies where it lies.

    Raises:
        DataError: It is another video than the person's, the stretch is too short, or something cannot be read.
    """
    data = head.video
    source, info = data.source_in(video), probe(video)
    x0, y0, x1, y1 = source.crop_px
    if not (x0 < info.width and y0 < info.height and x1 > 0 and y1 > 0):
        raise DataError(f"{data.path}/meta.json: crop_px lies beyond the pictures of {video}. Process the video again.")
    track = track_of(head.settings.infer_audio_track)
    with Sound(audio, track) as sound:
        moments = moments_of(data, source, info.fps, start_s, sound.samples / RATE)
        spoken = head.landmarks(sound)
        at_25 = (moments.places[0] + np.arange(len(spoken))).round().astype(np.int64).clip(0, len(data) - 1)
        person = Person.of(data, head.settings.infer_sil_ref_frame_idx)
        spoken = post_process(spoken, person, at_25, sound.rms(), head.settings, head.seed)
        marks = head.marks("dub")
        frames = _frames(head, video, source, moments, spoken, marks)
        count, beside = len(moments.places), marks.beside_pattern()
        return write_frames(frames, out, audio, count, "dubbing", track=track, fps=info.fps, marks=beside)


def _frames(
    head: TalkingHead, video: Path, source: Source, moments: Moments, spoken: Floats, marks: Marks
) -> Iterator[Bytes]:
    """Yield the dubbed frames (H, W, 3), marked where they were drawn."""
    data, places, nearest = head.video, moments.places, moments.nearest()
    cuts = data.meta.cuts
    landmarks = data.carried(between(spoken, places - places[0], []), nearest)
    poses = poses_at(data.world_from_camera, places, cuts)
    own_px = between(data.landmarks_px, places, cuts)
    drawn = head.renderer.lower_faces(landmarks, poses, nearest, scale=head.settings.infer_scale_factor)
    true = read_frames(video, fps=moments.fps, start=moments.first, count=len(places))
    x0, y0, x1, y1 = source.crop_px
    side = y1 - y0
    unit = usual_unit(data.landmarks_px) * side / data.meta.height
    inlay = Inlay(unit, matched=head.renderer.model.portrait is not None)
    for index, face in enumerate(drawn):
        frame = next(true, None)
        if frame is None:
            last_s = (moments.first + index) / moments.fps
            raise DataError(f"{video}: its pictures end at {last_s:.2f} s, before the sound. Give a shorter sound.")
        height, width = frame.shape[:2]
        inside = slice(max(0, y0), min(y1, height)), slice(max(0, x0), min(x1, width))
        beyond = [(max(0, -y0), max(0, y1 - height)), (max(0, -x0), max(0, x1 - width)), (0, 0)]
        square = np.pad(frame[inside], beyond, mode="edge")
        mask = fitted(data.head_mask[nearest[index]], side, side)
        own = own_px[index] * (side / data.meta.height)
        laid = inlay.lay(square, face.resized(side), own, mask)
        before = frame.copy()
        frame[inside] = laid[beyond[0][0] : side - beyond[0][1], beyond[1][0] : side - beyond[1][1]]
        yield marks.on(frame, (frame != before).any(axis=2))
