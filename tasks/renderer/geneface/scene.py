"""A person's footage as GeneFace's renderers know it: cameras, background, how landmarks are normalised.

Made from GeneFace's `trainval_dataset.npy` by `tasks/import_checkpoint.py`, since its checkpoints do not hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import DataError
from utils.files.arrays import load_arrays, save_arrays

FILE = "geneface_scene.safetensors"
"""Name of the scene beside the dataset it was made from."""
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
    """

    landmarks_mean: NDArray[np.float32]
    landmarks_std: NDArray[np.float32]
    cameras: NDArray[np.float32]
    background: NDArray[np.uint8]
    focal: float

    def save(self, path: Path) -> None:
        """Write the scene as safetensors."""
        save_arrays(path, {name: np.atleast_1d(getattr(self, name)) for name in SHAPES}, {"format": "geneface-scene"})


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
    return GenefaceScene(**{**{name: arrays[name] for name in SHAPES}, "focal": float(arrays["focal"][0])})  # type: ignore[arg-type]


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
    return GenefaceScene(mean, std, np.asarray(poses, np.float32), background, float(dataset["focal"]))
