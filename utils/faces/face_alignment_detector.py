"""The landmarks of face_alignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from utils.arrays import Bytes
from utils.errors import AssetError
from utils.faces.detector import Face, LandmarkDetector, largest_first, make_face, need_package


class FaceAlignmentDetector(LandmarkDetector):
    """The face-alignment networks (2-D FAN behind the S3FD detector), where their weights lie ready."""

    name = "face_alignment"
    smoothing_frames = 0.8

    _files = ("2DFAN4-11f355bf06.pth.tar", "s3fd-619a316812.pth")

    def __init__(self) -> None:
        need_package("face_alignment", "pip install --no-deps face-alignment")
        import torch

        folder = Path(torch.hub.get_dir()) / "checkpoints"
        missing = [name for name in self._files if not (folder / name).is_file()]
        if missing:
            address = "https://www.adrianbulat.com/downloads/python-fan/"
            raise AssetError(
                f"face_alignment needs {' and '.join(missing)} in {folder}. Fetch them from {address}, "
                f"or choose dlib, which needs no download."
            )
        from face_alignment import FaceAlignment, LandmarksType

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._networks: Any = FaceAlignment(LandmarksType.TWO_D, device=device, compile=False)

    def detect(self, frame: Bytes) -> list[Face]:
        """Return the faces of an RGB uint8 picture (H, W, 3), the largest first."""
        clouds, _, boxes = self._networks.get_landmarks_from_image(np.ascontiguousarray(frame), return_bboxes=True)
        pairs = zip(clouds or [], boxes if boxes is not None else [], strict=True)
        return largest_first([make_face(np.asarray(p)[:, :2], float(b[4])) for p, b in pairs])
