"""Look at pictures of faces as others do: is there a face, and how do they look from afar?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes, Floats
from utils.faces.crops import CROP, crops_of
from utils.media.pictures import resized
from utils.progress import Progress

SHOWN = 256
"""Side to which faces are enlarged for the detector."""
LITTLE = 32
"""Side to which pictures are brought before they are compared."""


def cut_out(faces: Bytes, detector: Any, name: str) -> tuple[Bytes, NDArray[np.bool_]]:
    """Return aligned crops (N, 112, 112, 3) and where a face was found; elsewhere the whole picture is the crop."""
    crops, with_face = [], []
    with Progress(f"faces, {name}", len(faces)) as progress:
        for face in faces:
            crop = next(crops_of(resized(face, SHOWN), detector), None)
            with_face.append(crop is not None)
            crops.append(resized(face, CROP) if crop is None else crop)
            progress.step()
    return np.stack(crops), np.array(with_face)


def little(pictures: Sequence[Bytes] | Bytes) -> Floats:
    """Bring pictures (S, S, 3) to (N, 32, 32, 3) float32, in which they are compared."""
    return np.stack([resized(picture, LITTLE) for picture in pictures]).astype(np.float32)
