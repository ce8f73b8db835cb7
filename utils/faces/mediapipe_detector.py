"""MediaPipe's mesh as the 68 iBUG landmarks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from queue import Empty, LifoQueue
from typing import Any

import numpy as np

from utils.arrays import Bytes, Floats, Reals
from utils.faces.detector import Face, LandmarkDetector, largest_first, make_face, need_package
from utils.faces.landmarks import LANDMARKS


class MediaPipeDetector(LandmarkDetector):
    """Google's face landmarker in image mode (its video mode filters, and lags half a frame).

    Every thread that detects at the same time as others has a landmarker of its own.
    """

    name = "mediapipe"
    smoothing_frames = 0.7
    threads = True

    def __init__(self, faces: int = 3) -> None:
        from utils.assets import asset_path

        need_package("mediapipe", "pip install --no-deps mediapipe")
        path = asset_path("face_landmarker")
        os.environ.setdefault("GLOG_minloglevel", "2")
        import mediapipe
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions

        self._mediapipe = mediapipe
        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)), output_face_blendshapes=True, num_faces=faces
        )
        self._make: Callable[[], Any] = lambda: FaceLandmarker.create_from_options(options)
        self._free: LifoQueue[Any] = LifoQueue()  # the warmest is taken first
        self._free.put(self._make())
        self._closed = False

    def detect(self, frame: Bytes) -> list[Face]:
        """Return the faces of an RGB uint8 picture (H, W, 3), the largest first."""
        if self._closed:
            raise RuntimeError("this detector is closed")
        height, width = frame.shape[:2]
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        try:
            landmarker = self._free.get_nowait()
        except Empty:
            landmarker = self._make()
        try:
            result = landmarker.detect(image)
        finally:
            self._free.put(landmarker)
        faces = []
        for index, mesh_points in enumerate(result.face_landmarks):
            mesh = np.array([(p.x * width, p.y * height) for p in mesh_points])
            shapes = None
            if result.face_blendshapes:
                shapes = np.array([s.score for s in result.face_blendshapes[index]], dtype=np.float32)
            faces.append(make_face(from_mesh(mesh), 1.0, shapes))
        return largest_first(faces)

    def close(self) -> None:
        """Release MediaPipe's graphs (left to the interpreter's end they complain)."""
        self._closed = True
        with contextlib.suppress(Empty):
            while True:
                self._free.get_nowait().close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


def from_mesh(mesh: Reals) -> Floats:
    """Pick the 68 iBUG points from MediaPipe's mesh (478, D): (68, D) float32, each a mean of one or two."""
    points = np.zeros((LANDMARKS, mesh.shape[1]))
    for index, parts in enumerate(MESH_PARTS):
        for vertex, weight in parts:
            points[index] += weight * mesh[vertex]
    return points.astype(np.float32)


# The iBUG counterparts of MediaPipe's vertices as (vertex, weight): chosen where both detectors put their points
# on photographs of many people (the jaw runs along the mesh's oval, whose vertices are not evenly spaced).
# fmt: off
MESH_PARTS: tuple[tuple[tuple[int, float], ...], ...] = (
    ((127, 1),), ((234, 0.78), (93, 0.22),), ((93, 0.55), (132, 0.45),), ((132, 0.45), (58, 0.55),),
    ((58, 0.28), (172, 0.72),), ((136, 0.85), (150, 0.15),), ((150, 0.24), (149, 0.76),),
    ((176, 0.45), (148, 0.55),), ((152, 1),), ((400, 0.45), (377, 0.55),), ((379, 0.24), (378, 0.76),),
    ((365, 0.85), (379, 0.15),), ((288, 0.28), (397, 0.72),), ((361, 0.45), (288, 0.55),),
    ((323, 0.55), (361, 0.45),), ((454, 0.78), (323, 0.22),), ((356, 1),), ((70, 0.5), (46, 0.5),),
    ((63, 0.7), (53, 0.3),), ((105, 0.5), (52, 0.5),), ((66, 0.5), (65, 0.5),), ((107, 0.5), (55, 0.5),),
    ((336, 0.5), (285, 0.5),), ((296, 0.5), (295, 0.5),), ((334, 0.5), (282, 0.5),),
    ((293, 0.7), (283, 0.3),), ((300, 0.5), (276, 0.5),), ((168, 1),), ((197, 1),), ((5, 0.6), (195, 0.4),),
    ((4, 1),), ((240, 1),), ((97, 1),), ((2, 1),), ((326, 1),), ((460, 1),), ((33, 1),),
    ((160, 0.7), (159, 0.3),), ((158, 1),), ((133, 0.5), (155, 0.5),), ((153, 1),), ((144, 1),),
    ((362, 0.5), (382, 0.5),), ((385, 1),), ((387, 0.7), (386, 0.3),), ((263, 1),), ((373, 1),),
    ((380, 1),), ((61, 1),), ((40, 0.5), (39, 0.5),), ((37, 1),), ((0, 1),), ((267, 1),),
    ((269, 0.5), (270, 0.5),), ((291, 1),), ((321, 0.5), (405, 0.5),), ((314, 1),), ((17, 1),), ((84, 1),),
    ((91, 0.5), (181, 0.5),), ((78, 1),), ((82, 1),), ((13, 1),), ((312, 1),), ((308, 1),), ((317, 1),),
    ((14, 1),), ((87, 1),),
)
# fmt: on
