"""What training reads of a person's video: `data/binary/videos/<id>/`.

A folder of plain files, none of them a pickle: `meta.json`, `motion.safetensors`, `audio.safetensors`, `audio.wav`,
`background.npy`, and the pictures of every frame (`utils.media.picture_file`; `.npy` where an earlier version made
them). Opening one reads a few kilobytes; frames come from the disk when they are asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from data_gen.video.framing.source import Source
from data_gen.video.outliers import refuse_not_finite
from data_gen.video.sections.left_out import kept
from utils.arrays import Bytes, Floats
from utils.camera import make_transform, rotation_matrix
from utils.errors import DataError
from utils.faces.landmarks import from_offsets, to_offsets
from utils.files.arrays import load_arrays
from utils.files.digests import refuse_changed, sha256, stamp
from utils.files.names import present_form
from utils.files.ownership import Made
from utils.files.tables import read_checked
from utils.media.picture_file import SUFFIX, Pictures, open_pictures, picture_file
from utils.media.wav import read_wav
from utils.paths import home
from utils.processes.manner import note_reading

PICTURES = ("frames", "head_mask", "torso_mask", "torso_frames")
DATASET = Made(
    frozenset((*(name + suffix for name in PICTURES for suffix in (SUFFIX, ".npy")), "background.npy",
               "motion.safetensors", "audio.safetensors", "audio.wav", "meta.json")),
    marker="meta.json", says=("format", "vizeme-video"),
)  # fmt: skip
"""How the folder of a dataset is known to be one."""
_ONCE = ("neutral", "landmarks_mean", "landmarks_std")
"""Arrays of motion.safetensors that are not per frame."""
_FORMS = {
    "landmarks": (68, 3), "landmarks_px": (68, 2), "world_from_camera": (4, 4), "neutral": (68, 3),
    "landmarks_mean": (68, 3), "landmarks_std": (68, 3), "face_box_px": (4,),
}  # fmt: skip
_MOST = 1e6
"""How they are shaped, a frame; and no pixel, distance or offset of theirs is as large."""
Split = Literal["train", "val", "all"]
Held = TypeVar("Held", Bytes, Pictures)


class VideoMeta(BaseModel):
    """What a dataset says of itself in `meta.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal["vizeme-video"] = "vizeme-video"
    version: Literal[1] = 1
    id: str
    fps: float = Field(default=25.0, ge=25, le=25)
    frames: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    focal_px: float = Field(gt=0)
    cuts: list[int] = []
    """First frame of every new shot; nothing reaches across one."""
    left_out: list[tuple[int, int]] = []
    """[start, stop) runs of frames that are not used, since no face is seen; their edges are cuts."""
    val_start: int = Field(ge=0)
    """Frames from here on are for validation."""
    train_stop: int | None = Field(default=None, ge=1)
    """Frames before this one are learnt from; those up to val_start when not given."""
    audio_features: dict[str, int]
    """Width of every audio feature in `audio.safetensors`."""
    ears: dict[str, str] = {}
    """Which ear heard a feature that needs one (`data_gen.ear.ears_of`); not in what was made before they were told."""
    landmark_source: str = ""
    parsing_source: str = ""
    av_offset_frames: float = 0.0
    """How late the sound was in the source, in frames; already corrected here."""
    sound_level: str = ""
    """How the sound was levelled before features were made of it (`utils.sound.speech_level`); empty: not at all."""
    licence: str = ""
    consent: str = ""
    source: Source | None = None
    fingerprint: str = ""
    """sha256 over the digests of all other files."""

    @property
    def heard_from_s(self) -> float:
        """Return where in the sound of its video, as it was given, that of the first frame begins, in seconds."""
        return (self.source.start_s if self.source else 0.0) + self.av_offset_frames / self.fps

    @model_validator(mode="after")
    def _within_the_video(self) -> VideoMeta:
        if self.val_start > self.frames:
            raise PydanticCustomError("beyond", "val_start lies beyond the last frame")
        if self.train_stop is not None and self.train_stop > self.val_start:
            raise PydanticCustomError("held_out", "train_stop lies beyond val_start")
        if not all(0 <= cut <= self.frames for cut in self.cuts):
            raise PydanticCustomError("cut", "a cut lies beyond the video")
        if not all(0 <= start < stop <= self.frames for start, stop in self.left_out):
            raise PydanticCustomError("left_out", "left_out is no list of stretches of the video")
        if not kept(self.frames, self.left_out).any():
            raise PydanticCustomError("left_out", "left_out leaves nothing of the video")
        return self


def _pictures_of(name: str) -> cached_property[Pictures]:
    return cached_property(lambda dataset: dataset._pictures(name))


class VideoDataset:
    """Read one person's dataset lazily.

    Args:
        path: Folder with `meta.json`.

    Shapes:
        landmarks: (T, 68, 3) float32, offsets from the mean face, head frame, tenths of an eye distance.
        landmarks_px: (T, 68, 2) float32, pixels, origin at the top-left corner.
        world_from_camera: (T, 4, 4) float32, OpenGL axes, world = head frame.
        frames, torso_frames: (T, H, W, 3) uint8 RGB; head_mask, torso_mask: (T, H, W) uint8; background: (H, W, 3).
        audio(name): (2T, C) float32, 50 rows a second.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        note_reading(self.path)
        self._stamp = stamp(self.path / "meta.json")
        missing = f"No dataset at {self.path}: meta.json is missing."
        self.meta = read_checked(self.path / "meta.json", VideoMeta, missing=missing, again="Process the video again.")
        self._put_right: tuple[Floats, Floats] | None = None  # how poses were moved, and the cameras, (T, 4, 4) each

    def __len__(self) -> int:
        return self.meta.frames

    def __getstate__(self) -> dict[str, Any]:
        # a worker opens the files anew; what is open does not travel
        return {name: self.__dict__[name] for name in ("path", "meta", "_stamp", "_put_right")}

    @cached_property
    def _motion(self) -> Mapping[str, NDArray[np.generic]]:
        refuse_changed(self.path / "meta.json", self._stamp)
        return _read_tensors(self.path / "motion.safetensors", rows_a_frame=1)

    @cached_property
    def _audio(self) -> Mapping[str, NDArray[np.generic]]:
        refuse_changed(self.path / "meta.json", self._stamp)
        return _read_tensors(self.path / "audio.safetensors", rows_a_frame=2)

    def motion(self, name: str) -> Floats:
        """Return the array `name` of motion.safetensors, (T, ...): for example `face_found` or `blendshapes`.

        Raises:
            DataError: There is none, or it is not as long as the video.
        """
        if name not in self._motion:
            self.refuse_unpacked()
            names = ", ".join(sorted(self._motion))
            raise DataError(
                f"{self.path}/motion.safetensors has no '{name}' (it has {names}). Process the video again."
            )
        values, what = np.asarray(self._motion[name], dtype=np.float32), f"motion.safetensors, {name}"
        form = values.shape if name in _ONCE else values.shape[1:]
        if form != _FORMS.get(name, form) or not (np.abs(values) < _MOST).all():
            raise DataError(f"{self.path}/{what}: these are no such numbers: it is damaged. {self._again}")
        return values if name in _ONCE else self._per_frame(values, what, 1)

    def _per_frame(self, values: Floats, what: str, rows: int) -> Floats:
        if len(values) != rows * self.meta.frames:
            raise DataError(
                f"{self.path}/{what}: {len(values)} rows for {self.meta.frames} frames (wants {rows} a frame): it was "
                f"made again meanwhile, or is damaged. {self._again}"
            )
        return values

    @property
    def unpacked(self) -> bool:
        """Tell whether only what speaking needs is here, as of a person who was unpacked: no sound to learn from."""
        return not self.meta.audio_features

    @property
    def _again(self) -> str:
        """Say how what is damaged is made again."""
        return "Unpack it under another --exp_name." if self.unpacked else "Start again, or process the video again."

    def refuse_unpacked(self) -> None:
        """Refuse what needs the footage itself; `DataError` says that it stayed where the person was made."""
        if self.unpacked:
            what = f"has what {self.meta.id} needs to speak, as a pack holds it, and not all its footage"
            raise DataError(f"{self.path} {what}. Dub, measure and train where they were made.")

    def put_right(self, errors: Floats | None) -> None:
        """Move cameras by what somebody has found that they err; see `carried` for landmarks.

        Args:
            errors: (T, 6), for every frame a turn (radians) around the head's axes and a shift along them (eye
                distances). None, or those of another number of frames, bring back what processing found.
        """
        self._put_right = None
        if errors is not None and len(errors) == len(self):
            motion = make_transform(rotation_matrix(errors[:, :3]), errors[:, 3:]).astype(np.float32)
            self._put_right = motion, motion @ self.motion("world_from_camera")

    def carried(self, landmarks: Floats, frames: NDArray[np.integer[Any]]) -> Floats:
        """Return landmarks that go with poses as processing found them as they go with the cameras put right.

        They are seen where they were. Of the places where they would be, they take those whose z they had: their depth
        is no more than a guess that goes with the poses of processing.

        Args:
            landmarks: (N, 68, 3), real ones or imagined: what moves a face has learnt of the poses of processing.
            frames: (N,) in whose poses they are seen.
        """
        if self._put_right is None:
            return landmarks
        motion, cameras = (one[frames] for one in self._put_right)
        before, eyes = from_offsets(landmarks), cameras[:, None, :3, 3]
        sight = before @ motion[:, :3, :3].swapaxes(1, 2) + motion[:, None, :3, 3] - eyes
        points = eyes + sight * (before - eyes)[..., 2:] / sight[..., 2:]
        return np.asarray(to_offsets(points), np.float32)

    @property
    def landmarks(self) -> Floats:
        """Return the pose-free landmarks, (T, 68, 3), which go with the poses of processing; see `carried`."""
        return self.motion("landmarks")

    @property
    def landmarks_px(self) -> Floats:
        """Return the landmarks in the picture, (T, 68, 2)."""
        return self.motion("landmarks_px")

    @property
    def world_from_camera(self) -> Floats:
        """Return the camera's pose in the head's frame, (T, 4, 4)."""
        return self.motion("world_from_camera") if self._put_right is None else self._put_right[1]

    @property
    def neutral(self) -> Floats:
        """Return the person's neutral shape, (68, 3), head frame, eye distances."""
        return self.motion("neutral")

    @property
    def landmarks_mean(self) -> Floats:
        """Return the mean of `landmarks` over the video, (68, 3)."""
        return self.motion("landmarks_mean")

    @property
    def landmarks_std(self) -> Floats:
        """Return the standard deviation of `landmarks` over the video, (68, 3)."""
        return self.motion("landmarks_std")

    @property
    def face_box_px(self) -> Floats:
        """Return the face's box per frame, (T, 4): x0 y0 x1 y1."""
        return self.motion("face_box_px")

    frames = _pictures_of("frames")
    """(T, H, W, 3)."""
    head_mask = _pictures_of("head_mask")
    """(T, H, W)."""
    torso_mask = _pictures_of("torso_mask")
    """(T, H, W)."""
    torso_frames = _pictures_of("torso_frames")
    """Frames with the head taken out, (T, H, W, 3)."""

    @cached_property
    def background(self) -> Bytes:
        """Return the plate without the person, (H, W, 3)."""
        path = self.path / "background.npy"
        refuse_changed(self.path / "meta.json", self._stamp)
        if not path.exists():
            self.refuse_unpacked()
        try:
            plate: Bytes = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}). {self._again}") from None
        return self._fitting(plate, path, (self.meta.height, self.meta.width))

    def has(self, name: str) -> bool:
        """Tell whether the pictures of that name (`frames`, ...) are here; an unpacked person has only some."""
        return picture_file(self.path, name).is_file()

    def _pictures(self, name: str) -> Pictures:
        refuse_changed(self.path / "meta.json", self._stamp)
        file, size = picture_file(self.path, name), (self.meta.frames, self.meta.height, self.meta.width)
        if not file.exists():
            self.refuse_unpacked()
        return self._fitting(open_pictures(self.path, name, self._again), file, size)

    def _fitting(self, pictures: Held, path: Path, size: tuple[int, ...]) -> Held:
        if pictures.shape[: len(size)] != size:
            raise DataError(
                f"{path} holds {pictures.shape}, but the dataset {self.meta.frames} frames of {size[-2:]}: it was made "
                f"again meanwhile, or is damaged. {self._again}"
            )
        return pictures

    def audio(self, name: str) -> Floats:
        """Return the audio feature `name`, (2T, C), or (2T,) for `pitch_hz` and `rms`.

        Raises:
            DataError: There is none of that name, or it is not as long as the video.
        """
        if name not in self._audio:
            self.refuse_unpacked()
            names = ", ".join(sorted(self._audio))
            raise DataError(
                f"{self.path} has no audio feature '{name}'. It has {names}: choose one of these with audio_feature, "
                f"or get the weights for '{name}' (python -m utils.assets) and process the video again."
            )
        return self._per_frame(np.asarray(self._audio[name], dtype=np.float32), f"audio.safetensors, {name}", 2)

    @property
    def wav_path(self) -> Path:
        """Return where the sound lies, 16 kHz mono."""
        return self.path / "audio.wav"

    def wav(self) -> Floats:
        """Read the sound, (S,) float32, 16 000 samples a second."""
        return read_wav(self.wav_path)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Return (T,) which frames are used: in the others no face is seen."""
        return kept(self.meta.frames, self.meta.left_out)

    def source_in(self, video: Path) -> Source:
        """Return where the frames lie in the video that they were made of.

        Raises:
            DataError: They were made of another video, do not say of which, or were unpacked.
        """
        self.refuse_unpacked()
        if self.meta.source is None:
            raise DataError(
                f"{self.path} does not say where in its video it lies: it was made by an earlier version. Process the "
                "video again by the same command; only its last stages are done anew."
            )
        if sha256(video) != self.meta.source.sha256:
            raise DataError(
                f"{video} is not the video that {self.meta.id} was made of, and where the head is in it is not known. "
                "Give that video, or process this one as a person of its own."
            )
        return self.meta.source

    def shots(self, split: Split = "all") -> list[tuple[int, int]]:
        """List the (start, stop) runs of frames that lie within one shot and one split; without what is left out."""
        keep, meta = self.kept, self.meta
        train_stop = meta.val_start if meta.train_stop is None else min(meta.train_stop, meta.val_start)
        low, high = {"train": (0, train_stop), "val": (meta.val_start, meta.frames)}.get(split, (0, meta.frames))
        edges = sorted({low, high, *(cut for cut in self.meta.cuts if low < cut < high)})
        return [(start, stop) for start, stop in itertools.pairwise(edges) if stop > start and keep[start]]

    def frame_ids(self, split: Split = "all") -> NDArray[np.int64]:
        """Return the frame numbers (n,) of a split, ascending."""
        return np.concatenate([np.arange(a, b) for a, b in self.shots(split)] or [np.zeros(0, np.int64)])


def open_video(video_id: str | Path, binary_dir: str | Path = "data/binary/videos") -> VideoDataset:
    """Open the dataset of `video_id` (a name under `binary_dir`, here or in the home folder; or a folder).

    Raises:
        DataError: It is not there; the message has the command that makes it.
    """
    path = present_form(Path(binary_dir) / str(video_id))
    for other in map(present_form, (Path(video_id), home() / path)):  # from elsewhere, what lies beside the runs
        if not (path / "meta.json").is_file() and (other / "meta.json").is_file():
            path = other
    if not (path / "meta.json").is_file():
        raise DataError(
            f"No processed video at {path}. Make it with: "
            f"python data_gen/run.py video --id {Path(video_id).name} --video <your video>.mp4"
        )
    return VideoDataset(path)


def _read_tensors(path: Path, rows_a_frame: int) -> Mapping[str, NDArray[np.generic]]:
    arrays = load_arrays(path, "Process the video again.")
    refuse_not_finite(arrays, str(path), rows_a_frame)
    return arrays
