"""Draw frames of a trained renderer, one after the other, at one size and over one background."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modules.renderer.inference import FrameRenderer, Inset
from modules.renderer.landmark_code import windows
from tasks.renderer.portrait.composer import WIDER, Composer, Laid, Place
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
        background: (H, W, 3) of any size to show in place of the footage's background.
        portrait: Lay the lower face into the true frame; see `tasks.renderer.portrait.composer`.

    Raises:
        ConfigError: A picture of that size makes no sense.
    """

    def __init__(
        self,
        task: Trained,
        *,
        scale: float = 1.0,
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
        self.frames = FrameRenderer(task.model, scale=scale, dtype=dtype)
        self.height, self.width = self.frames.height, self.frames.width
        self.composer = self._composer() if portrait else None
        self._places: deque[Place] = deque()

    def _composer(self) -> Composer:
        learned, up = self.task.model.portrait is not None, self.task.model.upsample
        wider = self.task.cfg.portrait_reach if learned else WIDER
        return Composer(self.task.footage, self.height, self.width, wider=wider, step=2 * up, matched=learned)

    def paint(self, *stretch: Any, own_poses: bool = True) -> Iterator[Bytes]:
        """Yield some frames (H, W, 3) of a stretch of motion; the arguments are those of `jobs`."""
        for job in self.jobs(*stretch, own_poses=own_poses):
            yield self.finish(self.frames(*job))

    def finish(self, picture: Tensor) -> Bytes:
        """Return the next of the pictures that `jobs` asked for, in their order, as it is shown, (H, W, 3)."""
        if self.composer is None:
            drawn: Bytes = picture.cpu().numpy()
            return drawn
        return self.composer.lay(self.laid(picture))

    def laid(self, picture: Tensor) -> Laid:
        """Return the next of the lower faces that `jobs` asked for, in their order, not laid into a frame yet."""
        drawn: Bytes = picture.cpu().numpy()
        return Laid(drawn[..., :3], drawn[..., 3], drawn[..., 4], self._places.popleft(), self.height)

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
            frame_id = int(frame_ids[index])
            insets: tuple[Inset, ...] = ()
            if self.composer is None:
                plate = task.plate(frame_id, frames.height, frames.width, self.background)
            else:
                place = self.composer.place(frame_id, self._points(landmarks[frame], world_from_camera[index]))
                plate, insets = self.composer.behind(place), (self._inset(place),)
                self._places.append(place)
            camera = torch.from_numpy(np.asarray(world_from_camera[index], dtype=np.float32)).to(device)
            behind = torch.from_numpy(np.ascontiguousarray(plate)).to(device)
            shoulders = torch.tensor([frame_id], device=device) if own_poses else None
            yield code, index, values[frame].to(device), camera, behind, shoulders, *insets

    def _inset(self, place: Place) -> Inset:
        """Say to the renderer what to draw, and what it is laid into."""
        up, (x0, y0, x1, y1) = self.task.model.upsample, place.face.box
        frame = np.ascontiguousarray(place.frame[place.face.part])
        own = self.task.footage.landmarks[place.frame_id]
        tensors = (torch.from_numpy(one).to(self.task.device) for one in (place.face.mask, frame, own))
        return Inset(y0 // up, x0 // up, y1 // up, x1 // up, *tensors)

    def _points(self, landmarks: Floats, world_from_camera: Floats) -> Reals:
        """Return where landmarks (68, 3) lie in the picture, (68, 2) pixels."""
        focal = self.task.footage.focal * self.height / self.task.footage.height
        points = from_offsets(landmarks).astype(np.float64)
        return project(points, world_from_camera.astype(np.float64), focal, self.width / 2, self.height / 2)
