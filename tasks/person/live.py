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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.renderer.pool import render_side_by_side
from tasks.person.live_landmarks import EXTRA, LOOKAHEAD, STEP, FileLandmarks, LiveLandmarks
from tasks.speaking.backdrop import read_background
from tasks.speaking.frames import seed_everything
from tasks.speaking.sound import Sound
from utils.arrays import Floats
from utils.errors import ConfigError
from utils.rates import FPS, RATE, SAMPLES_A_FRAME
from utils.sound.content_features import content_kind

WHISPER_LOOKAHEAD, WHISPER_STEP = 4, 8
"""The same for Whisper features, which cost ten times the rest; and rows that the network sees at once (5 s of 30)."""


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
        self, head: Any, *, lookahead: int | None = None, step: int | None = None, sound: Sound | None = None
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
            scale=head.settings.infer_scale_factor,
            background=background,
            portrait=head.settings.portrait,
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
        """Yield what is left, (H, W, 3) each, when no more sound comes: as many in all as it lasts, rounded up."""
        self.finished = True
        yield from self._draw()

    def _draw(self) -> Iterator[NDArray[np.uint8]]:
        for job in self.jobs():
            yield self.painter.finish(self.painter.frames(*job))

    def jobs(self) -> Iterator[tuple[Any, ...]]:
        """Yield what `FrameRenderer` is called with for each frame that can be drawn now."""
        live = self.landmarks
        while (count := live.ready(self.finished)) > 0:
            first = live.done
            values, begin = live.advance(count, self.finished)
            moment = live.motion.frames(first, first + count)
            poses, ids = moment.world_from_camera, moment.frame_ids
            wanted = range(begin, begin + count)
            yield from self.painter.jobs(values, wanted, poses, ids, own_poses=moment.own_poses)


def play_sound(head: Any, sound: Sound) -> Iterator[NDArray[np.uint8]]:
    """Yield frames (H, W, 3) of an open sound as soon as they are known, drawn side by side on the processor's cores.

    What is kept does not grow with the length of the sound.
    """
    live = LiveHead(head, sound=sound)

    def jobs() -> Iterator[tuple[Any, ...]]:
        step = live.landmarks.step
        for start in range(0, sound.frames, step):
            stop = min(start + step, sound.frames)
            live.landmarks.hearing.add(sound.read(start, stop)[: sound.samples - start * SAMPLES_A_FRAME])
            yield from live.jobs()
        live.finished = True
        yield from live.jobs()

    insets = live.painter.composer is not None
    with contextlib.closing(render_side_by_side(live.painter.frames, jobs(), insets=insets)) as pictures:
        for picture in pictures:
            yield live.painter.finish(picture)
