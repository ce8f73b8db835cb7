"""Draw frames of a trained renderer, one after the other, at one size and over one background."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modules.renderer.inference import FrameRenderer
from modules.renderer.landmark_code import windows
from tasks.renderer.composer import Composer
from utils.arrays import Bytes, Floats, Reals
from utils.camera import project
from utils.errors import ConfigError
from utils.faces.landmarks import from_offsets

SMALLEST, LARGEST = 8, 8192
"""Pixels that a side of a picture may have."""


class Trained(Protocol):
    """A trained renderer task, as far as it is drawn with."""

    model: Any
    cfg: Any

    @property
    def footage(self) -> Any:
        """What it was trained on: a `tasks.renderer.footage.Footage`."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        ...

    def eval(self) -> Any:
        """Stop training."""

    def plate(self, frame_id: int, height: int, width: int, background: Bytes | None = None) -> Bytes:
        """Return what lies behind a frame, (height, width, 3) RGB."""
        ...


class Painter:
    """Draw frames; the same for the same input, whatever was drawn before.

    Args:
        task: A trained `lm3d_nerf` or `lm3d_nerf_torso`.
        scale: Size of the picture against the training pictures.
        compile: Compile the renderer's elementwise kernels first.
        background: (H, W, 3) of any size to show in place of the footage's background.
        portrait: Lay the lower face into the true frame; see `tasks.renderer.composer`.

    Raises:
        ConfigError: A picture of that size makes no sense.
    """

    def __init__(
        self,
        task: Trained,
        *,
        scale: float = 1.0,
        compile: bool = False,
        background: Bytes | None = None,
        portrait: bool = False,
    ) -> None:
        sides = [round(float(side) * scale) for side in task.model.scene.size]
        if min(sides) < SMALLEST or max(sides) > LARGEST:
            raise ConfigError(
                f"infer_scale_factor = {scale:g}: the picture would have {sides[1]} x {sides[0]} pixels; "
                f"{SMALLEST} to {LARGEST} a side can be drawn"
            )
        self.task, self.background = task, background
        task.eval()
        dtype = None if task.cfg.infer_bf16 else torch.float32
        self.frames = FrameRenderer(task.model, scale=scale, compile=compile, dtype=dtype)
        self.height, self.width = self.frames.height, self.frames.width
        self.composer = Composer(task.footage, self.height, self.width) if portrait else None
        self._places: deque[tuple[int, Reals]] = deque()

    def paint(self, *stretch: Any, own_poses: bool = True) -> Iterator[Bytes]:
        """Yield some frames (H, W, 3) of a stretch of motion; the arguments are those of `jobs`."""
        for job in self.jobs(*stretch, own_poses=own_poses):
            yield self.finish(self.frames(*job))

    def finish(self, picture: Tensor) -> Bytes:
        """Return the next of the pictures (H, W, 3) that `jobs` asked for, in their order, as it is shown."""
        drawn: Bytes = picture.cpu().numpy()
        return drawn if self.composer is None else self.composer.lay(drawn, *self._places.popleft())

    def jobs(
        self,
        landmarks: NDArray[np.float32],
        wanted: Sequence[int],
        world_from_camera: NDArray[np.float32],
        frame_ids: NDArray[np.integer[Any]],
        *,
        own_poses: bool = True,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what `FrameRenderer` is called with for some frames of a stretch of motion.

        Args:
            landmarks: (T, 68, 3) un-normalised; those around the wanted ones steer the picture too.
            wanted: n frames of the stretch to draw.
            world_from_camera: (n, 4, 4) their poses.
            frame_ids: (n,) frames of the dataset, whose shoulders are seen.
            own_poses: Whether the poses are those of `frame_ids`; else a rendered torso follows the poses.
        """
        task, frames, device = self.task, self.frames, self.task.device
        values = torch.from_numpy(np.ascontiguousarray(landmarks, dtype=np.float32))
        code = frames.encode(windows(values, task.cfg.smo_win_size)[list(wanted)].to(device))
        for index, frame in enumerate(wanted):
            plate = task.plate(int(frame_ids[index]), frames.height, frames.width, self.background)
            camera = torch.from_numpy(np.asarray(world_from_camera[index], dtype=np.float32)).to(device)
            behind = torch.from_numpy(plate).to(device)
            shoulders = torch.tensor([int(frame_ids[index])], device=device) if own_poses else None
            if self.composer is not None:
                self._places.append((int(frame_ids[index]), self._points(landmarks[frame], world_from_camera[index])))
            yield code, index, values[frame].to(device), camera, behind, shoulders

    def _points(self, landmarks: Floats, world_from_camera: Floats) -> Reals:
        """Return where landmarks (68, 3) lie in the picture, (68, 2) pixels."""
        focal = self.task.footage.focal * self.height / self.task.footage.height
        points = from_offsets(landmarks).astype(np.float64)
        return project(points, world_from_camera.astype(np.float64), focal, self.width / 2, self.height / 2)
