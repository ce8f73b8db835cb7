"""One person's files, or one made person, to sounds and faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_gen.demo.clip import Clip, say
from data_gen.demo.identity import make_identity
from data_gen.demo.texts import TRAINING
from data_gen.face_voice.faces import align, find_face
from data_gen.face_voice.sound import clean_speech, sound_of
from data_gen.face_voice.splits import Split
from data_gen.face_voice.writer import MadePerson
from utils.errors import DataError, UserError
from utils.faces.detector import LandmarkDetector
from utils.files.arrays import load_array
from utils.media.pictures import read_photo
from utils.media.video import read_frames
from utils.media.wav import read_wav
from utils.rates import RATE

SOUNDS = {".wav", ".m4a", ".mp3", ".flac", ".ogg", ".opus", ".aac", ".npy"}
"""What a voice may lie in; .npy are the spectrograms that Speech-to-face made of voices."""


@dataclass(frozen=True)
class PersonFiles:
    """What belongs to a person. Videos give the sounds, or the pictures, that are not there as files."""

    id: str
    split: Split
    label: str = ""
    sounds: tuple[Path, ...] = ()
    pictures: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()
    made_seed: int | None = None
    """Seed of a made identity, which has no files."""

    def stamps(self) -> list[tuple[str, int, int]]:
        """Return what tells that a file has changed."""
        files = [*self.sounds, *self.pictures, *self.videos]
        return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


@dataclass
class Limits:
    """How much of a person is taken."""

    clips: int = 200
    faces: int = 50
    seconds: float = 30.0
    """Of each sound."""
    faces_per_video: int = 5
    voices: bool = True
    """Whether sounds are wanted at all."""
    made_clips: int = 4
    made_faces: int = 4


@dataclass
class Result:
    """A person, and the files that were refused with the reason."""

    person: MadePerson
    skipped: dict[str, str] = field(default_factory=dict)


def process_person(files: PersonFiles, detector: LandmarkDetector | None, limits: Limits) -> Result:
    """Read, clean and crop all that is usable of a person."""
    if files.made_seed is not None:
        return Result(make_person(files, limits))
    assert detector is not None, "files need a detector"
    result = Result(MadePerson(files.id, files.label, files.split, [], []))
    person, skipped = result.person, result.skipped
    if limits.voices:
        for path in (files.sounds or files.videos)[: limits.clips]:
            try:
                wav = sound_of(load_array(path, "spectrogram")) if path.suffix.lower() == ".npy" else read_wav(path)
                wav = wav[: round(limits.seconds * RATE)]
                person.clips.append((path.name, clean_speech(wav)))
            except UserError as error:
                skipped[str(path)] = " ".join(str(error).split())
    for path in files.pictures[: limits.faces]:
        try:
            crop = find_face(read_photo(path), detector, alone=True)
            person.faces.append((path.name, crop.picture, crop.landmarks_px))
        except DataError as error:
            skipped[str(path)] = " ".join(str(error).split())
    if not files.pictures:
        for path in files.videos:
            try:
                crops = _faces_of_video(path, detector, limits.faces_per_video)
            except DataError as error:
                skipped[str(path)] = " ".join(str(error).split())
                continue
            person.faces.extend(crops[: max(0, limits.faces - len(person.faces))])
    return result


def _faces_of_video(path: Path, detector: LandmarkDetector, count: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Crop up to `count` faces, evenly over the video (its first minute)."""
    frames = list(read_frames(path, fps=5.0, count=300))
    crops, why = [], "no face in it"
    for number in np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int)):
        try:
            crop = find_face(frames[number], detector, alone=True)
        except DataError as error:
            why = str(error)
            continue
        crops.append((f"{path.name}#{number / 5:.1f}s", crop.picture, crop.landmarks_px))
    if not crops:
        raise DataError(why)
    return crops


def make_person(files: PersonFiles, limits: Limits) -> MadePerson:
    """Let an identity that does not exist speak and be seen; the landmarks are the drawn face's own."""
    assert files.made_seed is not None
    identity = make_identity(files.made_seed)
    rng = np.random.default_rng([files.made_seed, 31])
    order = rng.permutation(len(TRAINING))
    clips = []
    for number in range(limits.made_clips):
        sentences = [TRAINING[i] for i in np.roll(order, -3 * number)[:3]]
        speech = say(identity, sentences, seed=files.made_seed + number)
        clips.append((f"made{number}", clean_speech(speech.wav.astype(np.float32))))
    clip = Clip(identity, say(identity, [TRAINING[order[0]]], seed=files.made_seed), size=256, seed=files.made_seed)
    faces = []
    for frame in np.linspace(0, len(clip) - 1, limits.made_faces + 2).astype(int)[1:-1]:
        crop = align(clip.frame(int(frame)), clip.landmarks_px(int(frame)))
        faces.append((f"frame{frame}", crop.picture, crop.landmarks_px))
    return MadePerson(files.id, files.label, files.split, clips, faces)
