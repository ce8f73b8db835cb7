"""Speak while the sound is still being heard: push pieces of sound in, pull frames out.

    live = LiveHead(TalkingHead.load("May"))
    for piece in pieces:              # (S,) float32 at 16 kHz, of any length
        for frame in live.push(piece):
            show(frame)               # (H, W, 3) uint8 RGB, 25 a second
    for frame in live.finish():
        show(frame)

A frame is drawn when `lookahead` frames after it have been heard. What was said stays as it was drawn; what comes is
imagined anew with every step, from the last seconds of sound. Memory does not grow with the length of the speech, and
how the sound is cut into pieces changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modules.renderer.pool import render_side_by_side
from tasks.backdrop import read_background
from tasks.head_pose import HeadMotion
from tasks.inference import FPS, HOP, RATE, InferSettings, Sound, landmark_blocks, seed_everything
from tasks.landmark_post import Floats, Person, mend
from tasks.silence import frame_rms, silence_weight, silent_frames
from utils.content_features import content_kind
from utils.errors import ConfigError

if TYPE_CHECKING:
    from tasks.talking_head import TalkingHead

LOOKAHEAD, STEP = 8, 4
"""Frames that must have been heard after one that is drawn, and frames drawn at a time: 0.49 s before the first."""
WHISPER_LOOKAHEAD, WHISPER_STEP, WHISPER_ROWS = 4, 8, 250
"""The same for Whisper features, which cost ten times the rest; and rows that the network sees at once (5 s of 30)."""
PAST = 48
"""Frames of sound and motion before the next frame that are kept; the networks' answer no longer changes beyond 32."""
CUT = 1500
"""Blinks are drawn up to the end of this many frames at a time."""
EXTRA = 160
"""Samples heard beyond the last frame, so that its features are what they will be in the whole sound."""
RISE = 0.35
"""The mouth closes by at most this share from one frame to the next: a pause is known only after it has begun."""


class Hearing:
    """Keep the last seconds of a sound that grows.

    Args:
        past: Frames to keep before the ones not yet drawn.
    """

    def __init__(self, past: int) -> None:
        self.past = past
        self.samples = 0
        self._first = 0
        self._kept = np.zeros(0, np.float32)

    def add(self, wav: Floats) -> None:
        """Hear more: (S,) float32 at 16 kHz."""
        self._kept = np.concatenate([self._kept, np.nan_to_num(np.asarray(wav, np.float32).reshape(-1)).clip(-1, 1)])
        self.samples += wav.size

    @property
    def frames(self) -> int:
        """Count the frames that what was heard lasts, the last one begun included."""
        return -(-self.samples // HOP)

    def read(self, start: int, stop: int, extra: int = 0) -> Floats:
        """Return the samples of frames [start, stop) and `extra` more; silence beyond what was heard."""
        length = (stop - start) * HOP + extra
        piece = self._kept[start * HOP - self._first :][:length]
        return np.pad(piece, (0, length - len(piece)))

    def forget(self, frame: int) -> None:
        """Drop what lies more than `past` before a frame."""
        keep = max(0, frame - self.past) * HOP
        if keep - self._first > self.past * HOP:
            self._kept, self._first = self._kept[keep - self._first :].copy(), keep


class Loudness:
    """Know how loud the speech has been: what `silence_weight` compares with, from a histogram of decibels."""

    def __init__(self) -> None:
        self.counts = np.zeros(480, np.int64)

    def add(self, rms: Floats) -> None:
        """Count frames (T,) of loudness."""
        level = 20 * np.log10(np.maximum(rms, 1e-6))
        np.add.at(self.counts, np.clip(((level + 120) * 4).astype(np.int64), 0, 479), 1)

    def speech(self) -> float:
        """Return the loudness where the loudest twentieth begins."""
        place = int(np.searchsorted(np.cumsum(self.counts), 0.95 * self.counts.sum()))
        return float(10 ** ((place / 4 - 120) / 20)) if self.counts[1:].any() else 0.0


class LiveLandmarks:
    """Imagine the landmarks of a sound that grows, a few frames at a time, and mend them.

    Args:
        postnet: A `postnet` task.
        video: The person's processed video.
        settings: How they are mended.
        lookahead, step: Frames.
        seed: Decides what is drawn at random.
    """

    def __init__(self, postnet: Any, video: Any, settings: InferSettings, lookahead: int, step: int, seed: int) -> None:
        self.postnet, self.settings, self.seed = postnet, settings, seed
        self.lookahead, self.step = lookahead, step
        self.person = Person.of(video, settings.infer_sil_ref_frame_idx)
        self.motion = HeadMotion(video, settings)
        self.past = max(PAST, silent_frames(settings) + 8)
        if content_kind(postnet.cfg.audio_feature) == "whisper":
            self.past = max(self.past, WHISPER_ROWS // 2 - lookahead - step - 4)
        self.hearing = Hearing(self.past + 8)
        self.loudness, self.rest = Loudness(), np.zeros(0, np.float32)
        self.measured = 0
        self.done = 0
        self._raw = np.zeros((0, 68, 3), np.float32)
        self._begin = 0

    def ready(self, finished: bool) -> int:
        """Return how many frames can be drawn now: `step`, fewer at the very end, or 0."""
        if finished:
            return min(self.step, self.hearing.frames - self.done)
        needed = (self.done + self.step + self.lookahead) * HOP + EXTRA
        return self.step if self.hearing.samples >= needed else 0

    def advance(self, count: int, finished: bool) -> tuple[Floats, int]:
        """Imagine the next `count` frames and what follows.

        Returns:
            landmarks (T, 68, 3), mended, of some frames before, the new ones and those ahead; where the new begin.
        """
        stop = self.done + count + self.lookahead
        if finished:
            stop = min(stop, self.hearing.frames)
        start = max(0, self.done - self.past) // 4 * 4
        values = self._predict(start, stop, finished and stop == self.hearing.frames)
        known = self.done - start
        values[:known] = self._raw[start - self._begin : self.done - self._begin]
        self._raw, self._begin = values, start
        moment = self.motion.frames(start, stop)
        rest = self._rest(start, stop, count) if self.settings.infer_close_mouth_when_sil else None
        until = (stop // CUT + 1) * CUT
        mended = mend(values, self.person, moment.eye_ids, rest, self.settings, self.seed, first=start, until=until)
        self.done += count
        self.hearing.forget(self.done)
        return mended, known

    def _predict(self, start: int, stop: int, ends: bool) -> Floats:
        """Imagine frames [start, stop); `ends`: nothing follows them."""
        import torch

        wav = self.hearing.read(start, stop, 0 if ends else EXTRA)
        cfg, frames = self.postnet.cfg, stop - start
        audio = torch.from_numpy(live_features(wav, cfg.audio_feature, frames))
        listens = cfg.pitch or self.postnet.load_speech().cfg.pitch
        pitch = torch.from_numpy(live_features(wav, "pitch_hz", frames)) if listens else None
        temperature = self.settings.infer_temperature
        values = self.postnet.predict(audio, pitch, seed=self.seed, temperature=temperature, first=start)
        return np.array(values.cpu().numpy(), np.float32).reshape(frames, 68, 3)

    def _rest(self, start: int, stop: int, count: int) -> Floats:
        """Return how far the mouth closes in frames [start, stop)."""
        rms = np.sqrt(np.mean(self.hearing.read(start, stop).reshape(-1, 2, HOP // 2) ** 2, axis=-1)).reshape(-1)
        self.loudness.add(frame_rms(rms, stop - start)[max(0, self.measured - start) :])
        self.measured = stop
        weight = silence_weight(rms, stop - start, self.settings, self.loudness.speech())
        known = self.done - start
        shown = self.rest[len(self.rest) - known :] if known else self.rest[:0]
        weight[:known] = shown
        if len(shown):
            for index in range(known, len(weight)):
                weight[index] = min(weight[index], weight[index - 1] + RISE)
        self.rest = weight[: known + count].copy()
        return weight


class FileLandmarks(LiveLandmarks):
    """The same for a sound that lies on the disk: what follows a frame is known, so its landmarks are the final ones.

    Networks see half a minute at once, as when a video is written; the first frame waits for one such window.
    """

    def __init__(self, postnet: Any, video: Any, settings: InferSettings, sound: Sound, seed: int) -> None:
        super().__init__(postnet, video, settings, 2 * LOOKAHEAD, STEP, seed)
        self._blocks = landmark_blocks(postnet, sound, temperature=settings.infer_temperature, seed=seed)
        self._ahead, self._ahead_begin = np.zeros((0, 68, 3), np.float32), 0

    def _predict(self, start: int, stop: int, ends: bool) -> Floats:
        while self._ahead_begin + len(self._ahead) < stop:
            kept = self._ahead[start - self._ahead_begin :]
            self._ahead, self._ahead_begin = np.concatenate([kept, next(self._blocks)]), start
        return self._ahead[start - self._ahead_begin : stop - self._ahead_begin].copy()


def live_features(wav: Floats, name: str, frames: int) -> Floats:
    """Return the feature rows (2T, C) of the first T frames of a short sound that may go on a little."""
    from utils.audio import audio_features, fit_length
    from utils.content_features import content_blocks, parse_content_feature

    more = int(len(wav) > frames * HOP)
    content = parse_content_feature(name)
    if content is not None and content.kind == "whisper":
        blocks = content_blocks(fit_length(wav, (frames + more) * HOP), content, WHISPER_ROWS)
        return np.concatenate(list(blocks))[: 2 * frames]
    return np.asarray(audio_features(wav, name, frames + more)[: 2 * frames], np.float32)


class LiveHead:
    """Draw a person who says what is pushed in.

    Args:
        head: A loaded talking head.
        lookahead: Frames that must be heard after the one that is drawn; more is nearer to what the whole sound gives.
            By the speech feature when None.
        step: Frames drawn at a time; by the speech feature when None.
        sound: A sound on the disk, when that is what will be pushed: it is then read ahead by half a minute.

    Raises:
        ConfigError: The numbers make no sense.
    """

    def __init__(
        self, head: TalkingHead, *, lookahead: int | None = None, step: int | None = None, sound: Sound | None = None
    ) -> None:
        slow = content_kind(head.postnet.cfg.audio_feature) == "whisper"
        lookahead = (WHISPER_LOOKAHEAD if slow else LOOKAHEAD) if lookahead is None else lookahead
        step = (WHISPER_STEP if slow else STEP) if step is None else step
        if lookahead < 0 or step < 1:
            raise ConfigError(f"lookahead = {lookahead}, step = {step}: at least 0 and 1 frames")
        if sound is not None:
            self.landmarks: LiveLandmarks = FileLandmarks(head.postnet, head.video, head.settings, sound, head.seed)
        else:
            self.landmarks = LiveLandmarks(head.postnet, head.video, head.settings, lookahead, step, head.seed)
        background = read_background(head.settings.infer_bg_img_fname)
        self.painter = head.renderer.painter(
            scale=head.settings.infer_scale_factor, compile=head.settings.infer_compile, background=background
        )
        self.finished = False
        seed_everything(head.seed)

    @property
    def delay_s(self) -> float:
        """Seconds of sound that are heard before the first frame comes."""
        return (self.landmarks.lookahead + self.landmarks.step) / FPS + EXTRA / RATE

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self.painter.height, self.painter.width

    def push(self, wav: Floats) -> Iterator[NDArray[np.uint8]]:
        """Hear (S,) float32 samples at 16 kHz and yield the frames that can be drawn now.

        Exhaust it before the next piece is pushed.
        """
        if self.finished:
            raise ValueError("the speech is finished; begin another with a new LiveHead")
        self.landmarks.hearing.add(wav)
        yield from self._draw()

    def finish(self) -> Iterator[NDArray[np.uint8]]:
        """Yield what is left when no more sound comes: as many frames in all as the sound lasts, the last one begun."""
        self.finished = True
        yield from self._draw()

    def _draw(self) -> Iterator[NDArray[np.uint8]]:
        for job in self.jobs():
            yield self.painter.frames(*job).cpu().numpy()

    def jobs(self) -> Iterator[tuple[Any, ...]]:
        """Yield what `FrameRenderer` is called with for each frame that can be drawn now."""
        live = self.landmarks
        while (count := live.ready(self.finished)) > 0:
            first = live.done
            values, known = live.advance(count, self.finished)
            moment = live.motion.frames(first, first + count)
            poses, ids = moment.world_from_camera, moment.frame_ids
            wanted = range(known, known + count)
            yield from self.painter.jobs(values, wanted, poses, ids, own_poses=moment.own_poses)


def play_sound(head: TalkingHead, sound: Sound) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of an open sound as soon as they are known, drawn side by side on the processor's cores.

    What is kept does not grow with the length of the sound.
    """
    live = LiveHead(head, sound=sound)

    def jobs() -> Iterator[tuple[Any, ...]]:
        step = live.landmarks.step
        for start in range(0, sound.frames, step):
            stop = min(start + step, sound.frames)
            live.landmarks.hearing.add(sound.read(start, stop)[: sound.samples - start * HOP])
            yield from live.jobs()
        live.finished = True
        yield from live.jobs()

    with contextlib.closing(render_side_by_side(live.painter.frames, jobs())) as pictures:
        for picture in pictures:
            yield picture.cpu().numpy()
