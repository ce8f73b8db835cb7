"""Imagine the landmarks of a sound that grows, a few frames at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from data_gen.ear import is_ear
from tasks.person.hearing import WHISPER_ROWS, Hearing, LiveEar, LiveLevel, live_features
from tasks.speaking.head_pose import HeadMotion
from tasks.speaking.mend import mend
from tasks.speaking.resting_face import Person
from tasks.speaking.settings import InferSettings
from tasks.speaking.silence import pause_frames, rest_weight, silence_weight, silent_frames
from tasks.speaking.sound import Sound
from tasks.speaking.windows import landmark_blocks
from utils.arrays import Floats
from utils.rates import SAMPLES_A_FRAME
from utils.sound.content_features import content_kind

LOOKAHEAD, STEP = 8, 4
"""Frames that must have been heard after one that is drawn, and frames drawn at a time: 0.49 s before the first."""
PAST = 48
"""Frames of sound and motion before the next frame that are kept; the networks' answer no longer changes beyond 32."""
CUT = 1500
"""Blinks are drawn up to the end of this many frames at a time."""
EXTRA = 160
"""Samples heard beyond the last frame, so that its features are what they will be in the whole sound."""
RISE = 0.35
"""The mouth closes and opens by at most this share from one frame to the next: a pause is known only after it has
begun, and its end shortly before."""


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
        self.postnet, self.video, self.settings, self.seed = postnet, video, settings, seed
        self.lookahead, self.step = lookahead, step
        self.person = Person.of(video, settings.infer_sil_ref_frame_idx)
        self.motion = HeadMotion(video, settings)
        self.past = max(PAST, silent_frames(settings) + 8, pause_frames(settings) + 8)
        if content_kind(postnet.cfg.audio_feature) == "whisper":
            self.past = max(self.past, WHISPER_ROWS // 2 - lookahead - step - 4)
        self.hearing = Hearing(self.past + 8)
        self._ear = LiveEar(postnet.cfg.audio_feature) if is_ear(postnet.cfg.audio_feature) else None
        self.level, self.rest = LiveLevel(), np.zeros(0, np.float32)
        self.measured = 0
        self.done = 0
        self._raw = np.zeros((0, 68, 3), np.float32)
        self._begin = 0

    def ready(self, finished: bool) -> int:
        """Return how many frames can be drawn now: `step`, fewer at the very end, or 0."""
        if finished:
            return min(self.step, self.hearing.frames - self.done)
        needed = (self.done + self.step + self.lookahead) * SAMPLES_A_FRAME + EXTRA
        return self.step if self.hearing.samples >= needed else 0

    def advance(self, count: int, finished: bool) -> tuple[Floats, int]:
        """Imagine the next `count` frames and what follows.

        Returns:
            landmarks (T, 68, 3), mended and carried to the poses, of some frames before, the new ones and those ahead;
            where the new begin.
        """
        stop = self.done + count + self.lookahead
        if finished:
            stop = min(stop, self.hearing.frames)
        start = max(0, self.done - self.past) // 4 * 4
        self.level.add(*self.hearing.rows(self.measured, stop))
        self.measured = stop
        values = self._predict(start, stop, finished and stop == self.hearing.frames)
        past = self.done - start
        values[:past] = self._raw[start - self._begin : self.done - self._begin]
        self._raw, self._begin = values, start
        self._hear(start, stop)
        moment = self.motion.frames(start, stop)
        closes = self.settings.infer_close_mouth_when_sil
        rest = self._rest(self._resting(start, stop), start, count) if closes else None
        until = (stop // CUT + 1) * CUT
        mended = mend(values, self.person, moment.eye_ids, rest, self.settings, self.seed, first=start, until=until)
        self.done += count
        self.hearing.forget(self.done)
        return self.video.carried(mended, moment.frame_ids) if moment.own_poses else mended, past

    def _predict(self, start: int, stop: int, ends: bool) -> Floats:
        """Imagine frames [start, stop); `ends`: nothing follows them."""
        import torch

        wav = self.level.levelled(self.hearing.read(start, stop, 0 if ends else EXTRA), self.postnet.sound_level)
        cfg, frames = self.postnet.cfg, stop - start
        if self._ear is None:
            audio = torch.from_numpy(live_features(wav, cfg.audio_feature, frames))
        else:
            new = self.hearing.read(self._ear.frames, stop)
            self._ear.add(self.level.levelled(new, self.postnet.sound_level))
            audio = torch.from_numpy(self._ear.read(start, stop))
        listens = cfg.pitch or self.postnet.load_speech().cfg.pitch
        pitch = torch.from_numpy(live_features(wav, "pitch_hz", frames)) if listens else None
        temperature = self.settings.infer_temperature
        values = self.postnet.predict(audio, pitch, seed=self.seed, temperature=temperature, first=start)
        return np.array(values.cpu().numpy(), np.float32).reshape(frames, 68, 3)

    def _hear(self, start: int, stop: int) -> None:
        """Let the head know how far nobody speaks in frames [start, stop)."""
        rows = self.hearing.rows(start, stop)[0]
        self.motion.hear(silence_weight(rows, stop - start, self.settings, self.level.heard), start)

    def _resting(self, start: int, stop: int) -> Floats:
        """Return how far the mouth rests in frames [start, stop), by what was heard so far."""
        rows = self.hearing.rows(start, stop)[0]
        return rest_weight(rows, stop - start, self.settings, self.level.heard)

    def _rest(self, weight: Floats, start: int, count: int) -> Floats:
        """Return how far the mouth closes, (T,) from frame `start` on, where nobody speaks by `weight`."""
        past = self.done - start
        shown = self.rest[len(self.rest) - past :] if past else self.rest[:0]
        weight[:past] = shown
        if len(shown):
            for index in range(past, len(weight)):
                weight[index] = np.clip(weight[index], weight[index - 1] - RISE, weight[index - 1] + RISE)
        self.rest = weight[: past + count].copy()
        return weight


class FileLandmarks(LiveLandmarks):
    """The same for a sound that lies on the disk: what follows a frame is known, so its landmarks are the final ones.

    Networks see half a minute at once, as when a video is written; the first frame waits for one such window.
    """

    def __init__(self, postnet: Any, video: Any, settings: InferSettings, sound: Sound, seed: int) -> None:
        super().__init__(postnet, video, settings, 2 * LOOKAHEAD, STEP, seed)
        self._blocks = landmark_blocks(postnet, sound, temperature=settings.infer_temperature, seed=seed)
        self._ahead, self._ahead_begin = np.zeros((0, 68, 3), np.float32), 0
        rms = sound.rms()
        self._rests = rest_weight(rms, sound.frames, settings)
        self.motion.hear(silence_weight(rms, sound.frames, settings))

    def _hear(self, start: int, stop: int) -> None:
        """Say nothing: all of the sound was heard at the beginning."""

    def _resting(self, start: int, stop: int) -> Floats:
        return self._rests[start:stop].copy()

    def _predict(self, start: int, stop: int, ends: bool) -> Floats:
        while self._ahead_begin + len(self._ahead) < stop:
            kept = self._ahead[start - self._ahead_begin :]
            self._ahead, self._ahead_begin = np.concatenate([kept, next(self._blocks)]), start
        return self._ahead[start - self._ahead_begin : stop - self._ahead_begin].copy()
