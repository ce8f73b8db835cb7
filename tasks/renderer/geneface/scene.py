"""A person's footage as GeneFace's renderers know it: cameras, background, how landmarks are normalised.

Made from GeneFace's `trainval_dataset.npy` by `tasks/import_checkpoint.py`, since its checkpoints do not hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.speaking.resting_face import Person, person_of
from utils.errors import DataError
from utils.files.arrays import load_arrays, save_arrays

FILE = "geneface_scene.safetensors"
"""Name of the scene beside the dataset it was made from."""
LANDMARKS = "landmarks"
SHAPES: dict[str, tuple[int, ...]] = {
    "landmarks_mean": (68, 3), "landmarks_std": (68, 3), "cameras": (-1, 4, 4), "background": (-1, -1, 3),
    "focal": (1,),
}  # fmt: skip


@dataclass(frozen=True)
class GenefaceScene:
    """What a renderer must know besides its weights.

    Attributes:
        landmarks_mean, landmarks_std: (68, 3) over all frames, tenths of an eye distance.
        cameras: (T, 4, 4) camera to world of every frame of the footage, the original's world.
        background: (H, W, 3) uint8 RGB.
        focal: Pixels, at the background's size.
        landmarks: (T, 68, 3) of every frame, tenths of an eye distance; none (0, 68, 3) in a scene that was imported
            before they were kept, or of a dataset without them.
    """

    landmarks_mean: NDArray[np.float32]
    landmarks_std: NDArray[np.float32]
    cameras: NDArray[np.float32]
    background: NDArray[np.uint8]
    focal: float
    landmarks: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 68, 3), np.float32))

    def save(self, path: Path) -> None:
        """Write the scene as safetensors."""
        arrays = {name: np.atleast_1d(getattr(self, name)) for name in (*SHAPES, LANDMARKS)}
        save_arrays(path, arrays, {"format": "geneface-scene"})

    def person(self, closed_frame: int | None, path: Path) -> Person:
        """Return what the mending of landmarks wants to know of the footage.

        Args:
            closed_frame: Whose mouth is the closed one; found when None.
            path: The scene's file, for messages.

        Raises:
            DataError: The scene has no landmarks of its frames.
            ConfigError: There is no such frame.
        """
        if not len(self.landmarks):
            raise DataError(
                f"{path} has no landmarks of the footage, which mending needs. Make it anew: "
                f"python tasks/import_checkpoint.py {path.with_name('trainval_dataset.npy')}"
            )
        return person_of(self.landmarks, self.landmarks_mean, self.landmarks_std, closed_frame)


def open_scene(path: Path) -> GenefaceScene:
    """Read a scene.

    Raises:
        DataError: It is not there, or damaged; with the command that makes it.
    """
    again = f"python tasks/import_checkpoint.py {path.with_name('trainval_dataset.npy')}"
    if not path.is_file():
        raise DataError(f"No scene at {path}: the renderer needs cameras and background. Make it: {again}")
    arrays = load_arrays(path)
    for name, shape in SHAPES.items():
        array = arrays.get(name)
        if array is None or len(array.shape) != len(shape) or any(
            want not in (-1, have) for want, have in zip(shape, array.shape, strict=True)
        ):  # fmt: skip
            raise DataError(f"{path} is not a scene ({name}). Make it anew: {again}")
    landmarks = arrays.get(LANDMARKS, np.zeros((0, 68, 3), np.float32))
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 3) or len(landmarks) not in (0, len(arrays["cameras"])):
        raise DataError(f"{path} is not a scene ({LANDMARKS}). Make it anew: {again}")
    parts = {**{name: arrays[name] for name in SHAPES}, LANDMARKS: landmarks, "focal": float(arrays["focal"][0])}
    return GenefaceScene(**parts)  # type: ignore[arg-type]


def scene_of(dataset: Mapping[str, Any], scale: float, path: Path) -> GenefaceScene:
    """Take a scene out of what GeneFace's `trainval_dataset.npy` holds.

    Args:
        dataset: The dictionary in the file, arrays and lists.
        scale: Our landmarks for one unit of GeneFace's.
        path: The file, for messages.

    Raises:
        DataError: Something is missing; all that is.
    """
    wanted = ("idexp_lm3d_mean", "idexp_lm3d_std", "bg_img", "focal", "train_samples")
    missing = [name for name in wanted if name not in dataset]
    if missing:
        raise DataError(f"{path} is no person's dataset of GeneFace: it lacks {', '.join(missing)}.")
    samples = [*dataset["train_samples"], *dataset.get("val_samples", [])]
    samples.sort(key=lambda sample: int(sample.get("idx", 0)))
    poses = [np.asarray(sample.get("c2w"), np.float32) for sample in samples]
    wrong = sum(pose.shape != (4, 4) or not np.isfinite(pose).all() for pose in poses)
    if wrong or not poses:
        raise DataError(f"{path}: {wrong} of {len(poses)} frames have no pose (c2w).")
    mean, std = (
        np.asarray(dataset[f"idexp_lm3d_{name}"], np.float32).reshape(68, 3) * np.float32(scale)
        for name in ("mean", "std")
    )
    background = np.asarray(dataset["bg_img"])
    if background.ndim != 3 or background.dtype != np.uint8:
        raise DataError(f"{path}: bg_img is {background.shape} {background.dtype}, not (H, W, 3) uint8.")
    faces = [np.asarray(sample.get("idexp_lm3d", ()), np.float32) for sample in samples]
    whole = all(face.size == 204 and np.isfinite(face).all() for face in faces)
    landmarks = np.stack([face.reshape(68, 3) for face in faces]) * np.float32(scale) if whole else None
    more = {} if landmarks is None else {LANDMARKS: landmarks}
    return GenefaceScene(mean, std, np.asarray(poses, np.float32), background, float(dataset["focal"]), **more)
