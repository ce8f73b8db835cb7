"""What a board is shown of a motion."""

from __future__ import annotations

import numpy as np


def test_the_board_gets_the_face_its_mouth_the_opening_and_a_mesh(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    from tasks.core.board import Board
    from tasks.motion.pictures import draw_motion

    rng = np.random.default_rng(0)
    true = rng.normal(0, 0.2, (6, 68, 3)).astype(np.float32)
    with SummaryWriter(str(tmp_path)) as writer:
        draw_motion(Board(writer), true, {"imagined": true[::-1].copy()}, 0)
    events = EventAccumulator(str(tmp_path)).Reload().Tags()
    assert {"landmarks/0", "landmarks/0_widest", "mouth/0", "mouth/0_widest", "lip_opening/0"} <= set(events["images"])
    assert any("mesh/0_true" in tag for tag in events["tensors"])
    assert any("mesh/0_imagined" in tag for tag in events["tensors"])
