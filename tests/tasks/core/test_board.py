"""Pictures reach TensorBoard; without a writer nothing happens."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from tasks.core.board import Board


def test_an_animation_is_a_gif_of_its_frames(tmp_path):
    board = Board(SummaryWriter(tmp_path))
    board.update = 12
    frames = np.zeros((3, 8, 6, 3), np.uint8)
    frames[1], frames[2] = 120, 240
    board.animation("lips", frames)
    board.animation("nothing", frames[:0])
    board.writer.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["images"] == ["lips"]
    (shown,) = events.Images("lips")
    assert shown.step == 12
    opened = Image.open(io.BytesIO(shown.encoded_image_string))
    assert (opened.format, opened.size, opened.n_frames, opened.info["duration"]) == ("GIF", (6, 8), 3, 40)


def test_without_a_writer_nothing_is_drawn():
    board = Board(None)
    board.image("a", np.zeros((2, 2, 3), np.uint8))
    board.animation("b", np.zeros((2, 2, 2, 3), np.uint8))
    board.mesh("c", np.zeros((4, 3), np.float32))
