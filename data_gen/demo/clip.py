"""A clip of the presenter: what is said, how the face moves, the frames one by one, and the truth of it all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_gen.demo.face import Face
from data_gen.demo.identity import Identity
from data_gen.demo.mouth import MouthPose
from data_gen.demo.portrait import CANVAS
from data_gen.demo.pose import HeadMotion, Scene
from data_gen.demo.speech import Speech, join, speak_as
from data_gen.demo.visemes import PARAMETERS, MouthTrack, mouth_track
from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.files.aside import write_aside
from utils.rates import FPS, RATE, SAMPLES_A_FRAME


@dataclass(frozen=True)
class Truth:
    """What a tracker should find in the clip, T frames.

    Attributes:
        mouth: (T, 6) in the order of `visemes.PARAMETERS`.
        lip_gap: (T,) gap between the lips at the middle of the mouth, in eye distances.
        lips_closed: (T,) uint8, 1 where a bilabial or a pause holds the lips together.
        blink: (T,) 0 open to 1 shut.
        rotation, translation: (T, 3, 3), (T, 3) head to portrait frame, in eye distances.
        world_from_camera: (T, 4, 4) camera in the head's frame, OpenGL axes.
        landmarks_px: (T, 68, 2) pixels of the frames.
        focal_px: Focal length in pixels of the frames.
    """

    mouth: Floats
    lip_gap: Floats
    lips_closed: npt.NDArray[np.uint8]
    blink: Floats
    rotation: Floats
    translation: Floats
    world_from_camera: Floats
    landmarks_px: Floats
    focal_px: float


class Clip:
    """One identity speaking.

    Args:
        identity: Who speaks.
        speech: What is said.
        size: Width and height of the frames in pixels.
        seed: Seeds head motion, blinks and brows.
        liveliness: How much the head moves, 1 being ordinary.
    """

    def __init__(
        self, identity: Identity, speech: Speech, *, size: int = 256, seed: int = 0, liveliness: float = 1.0
    ) -> None:
        if not 64 <= size <= 1024:
            raise DataError(f"Frames of {size} pixels: choose 64 to 1024.")
        self.identity, self.speech, self.size = identity, speech, size
        self.face = Face(identity.portrait())
        self.scene = Scene(self.face.portrait, size)
        self.track: MouthTrack = mouth_track(speech)
        frames = len(self.track)
        self.blink = blinks(frames, seed)
        loudness = _loudness(speech, frames)
        self.motion = HeadMotion(frames, loudness, seed, liveliness)
        self.brow = np.clip(HeadMotion(frames, loudness, seed + 7919).values[:, 1] / HeadMotion.PITCH, -1, 1)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.track)

    def mouth_pose(self, frame: int) -> MouthPose:
        """Return the mouth in one frame."""
        return MouthPose(**dict(zip(PARAMETERS, map(float, self.track.values[frame]), strict=True)))

    def frame(self, index: int) -> Bytes:
        """Return one frame, (size, size, 3) uint8 RGB."""
        canvas = self.face.paint(self.mouth_pose(index), closed=float(self.blink[index]), brow=float(self.brow[index]))
        return self.scene.render(canvas, self.motion[index])

    def frames(self) -> Iterator[Bytes]:
        """Yield the frames one by one, (size, size, 3) uint8 RGB."""
        for index in range(len(self)):
            yield self.frame(index)

    def landmarks_px(self, index: int) -> Floats:
        """Return the landmarks of one frame, (68, 2) pixels."""
        points = self.face.landmarks_px(
            self.mouth_pose(index), closed=float(self.blink[index]), brow=float(self.brow[index])
        )
        return self.scene.project(points, self.motion[index]).astype(np.float32)

    def truth(self) -> Truth:
        """Work out the truth of all frames."""
        total = len(self)
        poses = [self.motion[i] for i in range(total)]
        gap = np.array([self.face.mouth.gap_px(self.mouth_pose(i)) for i in range(total)])
        points = [self.landmarks_px(i) for i in range(total)]
        return Truth(
            mouth=self.track.values.astype(np.float32),
            lip_gap=(gap / self.face.portrait.eye_distance_px).astype(np.float32),
            lips_closed=self.track.closed_frames.astype(np.uint8),
            blink=self.blink.astype(np.float32),
            rotation=np.stack([pose.rotation for pose in poses]).astype(np.float32),
            translation=np.stack([pose.translation for pose in poses]).astype(np.float32),
            world_from_camera=np.stack([self.scene.world_from_camera(pose) for pose in poses]).astype(np.float32),
            landmarks_px=np.stack(points).astype(np.float32),
            focal_px=self.scene.focal_px,
        )

    def neutral_landmarks_px(self) -> Floats:
        """Return the 68 points of the closed-mouth face, unturned, (68, 2) pixels of the frames."""
        return self.face.landmarks_px(MouthPose()) * (self.size / CANVAS)

    def save_truth(self, stem: Path) -> tuple[Path, Path]:
        """Write `<stem>.truth.safetensors` (arrays) and `<stem>.truth.json` (words, phonemes, who and how)."""
        from safetensors.numpy import save

        truth = self.truth()
        arrays = {name: np.ascontiguousarray(value) for name, value in vars(truth).items() if name != "focal_px"}
        arrays["neutral_landmarks_px"] = np.ascontiguousarray(self.neutral_landmarks_px())
        facts = {
            "format": "vizeme-truth",
            "version": 1,
            "fps": FPS,
            "frames": len(self),
            "size": self.size,
            "focal_px": truth.focal_px,
            "mouth_parameters": list(PARAMETERS),
            "identity": self.identity.seed,
            **speech_truth(self.speech),
            "licence": LICENCE,
            "consent": CONSENT,
        }
        paths = stem.with_name(stem.name + ".truth.safetensors"), stem.with_name(stem.name + ".truth.json")
        with write_aside(paths[0]) as aside:
            aside.write_bytes(save(arrays))
        with write_aside(paths[1]) as aside:
            aside.write_text(json.dumps(facts, indent=1) + "\n")
        return paths


LICENCE = "Portrait: NASA, public domain (scikit-image 'astronaut'). Voice: synthesised with espeak-ng."
CONSENT = "A made presenter: the portrait's person never said this. For demonstrations and tests only."


def speech_truth(speech: Speech) -> dict[str, object]:
    """Return the words and phonemes with their times, ready for JSON."""
    return {
        "sample_rate": RATE,
        "seconds": speech.seconds,
        "phonemes": [[name, round(a, 4), round(b, 4)] for name, a, b in speech.phonemes],
        "words": [[word, round(a, 4), round(b, 4)] for word, a, b in speech.words],
    }


def make_clip(
    identity: Identity, text: str | list[str], *, size: int = 256, seed: int = 0, seconds: float | None = None
) -> Clip:
    """Make a clip of `identity` saying `text`.

    Args:
        identity: Who speaks, from `make_identity`.
        text: One text, or sentences to say with pauses between them.
        size: Width and height of the frames.
        seed: Seeds pauses, head motion, blinks and brows.
        seconds: Exact length; sentences that do not fit are left out and silence fills the rest.
    """
    sentences = [text] if isinstance(text, str) else list(text)
    return Clip(identity, say(identity, sentences, seed=seed, seconds=seconds), size=size, seed=seed)


def say(identity: Identity, sentences: list[str], *, seed: int = 0, seconds: float | None = None) -> Speech:
    """Speak the sentences in the identity's voice with pauses between them; see `make_clip`."""
    rng = np.random.default_rng([seed, 2])
    parts: list[Speech] = []
    pauses_s: list[float] = [0.3]
    used_s = pauses_s[0]
    for sentence in sentences:
        part = speak_as(identity.voice, sentence)
        pause_s = float(rng.uniform(0.25, 0.7))
        if seconds is not None and used_s + part.seconds + 0.3 > seconds:
            if seconds - used_s < 1.5:
                break
            continue
        parts.append(part)
        pauses_s.append(pause_s)
        used_s += part.seconds + pause_s
    pauses_s[-1] = 0.4
    speech = join(parts, pauses_s)
    samples = round(seconds * RATE) if seconds is not None else None
    if samples is None:
        samples = -(-len(speech.wav) // SAMPLES_A_FRAME) * SAMPLES_A_FRAME
    rest = samples - len(speech.wav)
    return join([speech], [0.0, max(0, rest) / RATE]) if rest > 0 else _cut(speech, samples)


def _cut(speech: Speech, samples: int) -> Speech:
    end_s = samples / RATE
    spans = tuple((n, a, min(b, end_s)) for n, a, b in speech.phonemes if a < end_s)
    words = tuple((n, a, min(b, end_s)) for n, a, b in speech.words if a < end_s)
    return Speech(speech.wav[:samples], spans, words)


def blinks(frames: int, seed: int) -> npt.NDArray[np.float64]:
    """Return how far the lids are shut, (T,): a blink of about 0.2 s every 2 to 6 s."""
    rng = np.random.default_rng([seed, 3])
    shut = np.zeros(frames)
    at = float(rng.uniform(0.8, 3.0))
    shape = np.array([0.45, 1.0, 1.0, 0.6, 0.22])
    while at * FPS < frames:
        first = round(at * FPS)
        kept = min(len(shape), frames - first)
        shut[first : first + kept] = np.maximum(shut[first : first + kept], shape[:kept])
        at += float(rng.uniform(2.0, 6.0))
    return shut


def _loudness(speech: Speech, frames: int) -> npt.NDArray[np.float64]:
    """Return the loudness of each frame's sound, (T,), 0 to 1."""
    hop = SAMPLES_A_FRAME
    padded = np.pad(speech.wav.astype(np.float64), (0, max(0, frames * hop - len(speech.wav))))[: frames * hop]
    rms = np.sqrt((padded.reshape(frames, hop) ** 2).mean(1))
    return np.asarray(rms / max(float(rms.max(initial=0)), 1e-6))
