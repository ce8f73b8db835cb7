"""What TensorBoard shows: curves, images, animations and meshes. Losing it costs no training."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers import TensorBoardLogger

log = logging.getLogger(__name__)


@contextmanager
def or_without() -> Iterator[None]:
    """Go on without TensorBoard when its folder is gone or its disk is full, and say so: the weights are worth more."""
    try:
        yield
    except (OSError, ValueError) as error:  # Lightning makes one of the other
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        log.warning("TensorBoard's curves could not be written (%s).", cause.strerror or cause)


class Curves(TensorBoardLogger):
    """Write losses and figures, until that cannot be done any more; a run has one epoch, which is no curve."""

    lost = False

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the figures of an update."""
        if not self.lost:
            self.lost = True
            with or_without():
                super().log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)
                self.lost = False

    def save(self) -> None:
        """Write what was given so far."""
        with or_without():
            super().save()

    def finalize(self, status: str) -> None:
        """Write the rest."""
        with or_without():
            super().finalize(status)


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
            with or_without():
                self.writer.add_image(tag, picture, self.update, dataformats="HWC")

    def animation(self, tag: str, frames: NDArray[np.uint8], fps: float = 25.0) -> None:
        """Show RGB frames, (T, H, W, 3) uint8, as an animated GIF.

        `SummaryWriter.add_video` wants moviepy and writes nothing without it; a GIF is an image summary like any other.
        """
        if self.writer is None or len(frames) == 0:
            return
        from PIL import Image
        from tensorboard.compat.proto.summary_pb2 import Summary

        # An octree's colours suit drawings, and take a tenth of the time of finding the best 256.
        pictures = [Image.fromarray(frame).quantize(method=Image.Quantize.FASTOCTREE) for frame in frames]
        encoded, milliseconds = io.BytesIO(), round(1000 / fps)
        pictures[0].save(encoded, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)
        height, width = frames.shape[1:3]
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue())
        summary = Summary(value=[Summary.Value(tag=tag, image=image)])
        with or_without():
            self.writer._get_file_writer().add_summary(summary, self.update)

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
        with or_without():
            self.writer.add_mesh(
                tag,
                np.asarray(points, np.float32)[None],
                None if colours is None else np.asarray(colours, np.uint8)[None],
                None if faces is None else np.asarray(faces, np.int32)[None],
                global_step=self.update,
            )
