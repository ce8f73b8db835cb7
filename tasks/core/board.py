"""Pictures for TensorBoard: images, animations and meshes, not only curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Board:
    """Write pictures of one run at the current update; does nothing when there is no writer.

    Args:
        writer: torch's SummaryWriter, or None.
    """

    def __init__(self, writer: Any) -> None:
        self.writer = writer
        self.update = 0

    def image(self, tag: str, picture: NDArray[np.uint8]) -> None:
        """Show one RGB picture, (H, W, 3) uint8."""
        if self.writer is not None:
            self.writer.add_image(tag, picture, self.update, dataformats="HWC")

    def animation(self, tag: str, frames: NDArray[np.uint8], fps: float = 25.0) -> None:
        """Show RGB frames, (T, H, W, 3) uint8, as an animated GIF.

        `SummaryWriter.add_video` wants moviepy and writes nothing without it; a GIF is an image summary like any other.
        """
        if self.writer is None or len(frames) == 0:
            return
        from imageio.v3 import imwrite
        from tensorboard.compat.proto.summary_pb2 import Summary

        encoded = imwrite("<bytes>", np.asarray(frames), extension=".gif", duration=round(1000 / fps), loop=0)
        height, width = frames.shape[1:3]
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
        self.writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), self.update)

    def mesh(
        self,
        tag: str,
        points: NDArray[np.float32],
        faces: NDArray[np.int32] | None = None,
        colours: NDArray[np.uint8] | None = None,
    ) -> None:
        """Show points (N, 3) in three dimensions, with triangles (F, 3) and RGB colours (N, 3) when given."""
        if self.writer is None:
            return
        self.writer.add_mesh(
            tag,
            np.asarray(points, np.float32)[None],
            None if colours is None else np.asarray(colours, np.uint8)[None],
            None if faces is None else np.asarray(faces, np.int32)[None],
            global_step=self.update,
        )
