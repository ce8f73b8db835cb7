"""How fast sound, speech features and video run here: said once, so that a frame and its sound cannot drift apart."""

from __future__ import annotations

RATE = 16_000
"""Samples of sound a second."""
FPS = 25
"""Frames of video a second."""
ROWS_A_FRAME = 2
"""Rows of a speech feature that one frame owns: frame t has rows 2t and 2t + 1."""
SAMPLES_A_FRAME = RATE // FPS
"""Samples of sound that one frame lasts: 640."""
SAMPLES_A_ROW = SAMPLES_A_FRAME // ROWS_A_FRAME
"""Samples of sound that one row of a speech feature lasts: 320."""
