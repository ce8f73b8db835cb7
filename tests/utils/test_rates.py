"""One frame, its sound and its feature rows last the same time."""

from __future__ import annotations

from utils.rates import FPS, RATE, ROWS_A_FRAME, SAMPLES_A_FRAME, SAMPLES_A_ROW


def test_a_second_is_whole_frames_and_whole_rows_of_sound():
    assert (RATE, FPS) == (16_000, 25)
    assert (SAMPLES_A_FRAME, SAMPLES_A_ROW) == (640, 320)
    assert FPS * SAMPLES_A_FRAME == FPS * ROWS_A_FRAME * SAMPLES_A_ROW == RATE
