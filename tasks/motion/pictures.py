"""Show one example of imagined beside recorded motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from utils.drawing.curves import plot_lip_opening
from utils.drawing.landmarks import animate_landmarks, landmark_mesh

if TYPE_CHECKING:
    from tasks.core.board import Board


def draw_motion(board: Board, true: np.ndarray, curves: dict[str, np.ndarray], number: int) -> None:
    """Show one example: the sequence, its mouth near, the widest mouth, the lip opening, and the face in 3-D.

    Args:
        true: The recorded landmarks, (T, 68, 3).
        curves: Name -> imagined landmarks (T, 68, 3); the last one is drawn beside the truth.
    """
    name, imagined = list(curves.items())[-1]
    opening = np.abs(true[:, 66, 1] - true[:, 62, 1])
    widest = int(opening.argmax())
    frames = animate_landmarks({"true": true, name: imagined})
    board.animation(f"landmarks/{number}", frames)
    board.image(f"landmarks/{number}_widest", frames[widest])
    mouths = animate_landmarks({"true": true, name: imagined}, mouth=True)
    board.animation(f"mouth/{number}", mouths)
    board.image(f"mouth/{number}_widest", mouths[widest])
    board.image(f"lip_opening/{number}", plot_lip_opening({"true": true, **curves}))
    for label, sequence in (("true", true), (name, imagined)):
        mesh = landmark_mesh(sequence[widest])
        board.mesh(f"mesh/{number}_{label}", mesh.vertices[0], mesh.faces[0], mesh.colours[0])
