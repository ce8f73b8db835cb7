"""The arrays that are handed around, each type said once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
"""Pictures, masks."""
Floats = NDArray[np.float32]
"""What files hold and networks take."""
Doubles = NDArray[np.float64]
"""What is fitted or summed, where float32 would not do."""
Reals = NDArray[np.floating[Any]]
"""What is reckoned with, in any precision."""
Ints = NDArray[np.int64]
"""Numbers of frames."""
Numbers = NDArray[Any]
"""Numbers of any type: what a file or a stranger's network holds."""
