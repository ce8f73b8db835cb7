"""The arrays that are handed around: bytes, numbers, whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]
Points = NDArray[np.floating[Any]]

