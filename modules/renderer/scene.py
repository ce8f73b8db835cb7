"""What a renderer knows of its person's footage: the box, the camera, and how landmarks and poses are normalised."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modules.renderer.field import Rays
from modules.renderer.rays import box_span, ray_directions


class Scene(nn.Module):
    """Keep facts about the footage in buffers, so that a checkpoint needs nothing beside it.

    Buffers:
        box, face_box: (2, 3) corners in the head frame, eye distances.
        mean_face: (68, 3) the shape that landmarks are offsets from.
        landmarks_mean, landmarks_std: (68, 3) tenths of an eye distance.
        pose_mean, pose_std: (12,) of the flattened upper 3x4 of `world_from_camera`.
        size: (2,) height and width of the training pictures, pixels. focal: () pixels at that size.
        plate: (H, W, 3) uint8, the background without the person.
        pose_errors: (T, 6) of the footage's frames: a turn (radians) and a shift that put a pose right; T may be 0.
    """

    box: Tensor
    face_box: Tensor
    mean_face: Tensor
    landmarks_mean: Tensor
    landmarks_std: Tensor
    pose_mean: Tensor
    pose_std: Tensor
    size: Tensor
    focal: Tensor
    plate: Tensor
    pose_errors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("box", torch.tensor([[-2.2, -2.6, -2.2], [2.2, 2.2, 1.2]]))
        self.register_buffer("face_box", torch.tensor([[-1.5, -2.2, -1.4], [1.5, 1.0, 1.0]]))
        for name in ("mean_face", "landmarks_mean"):
            self.register_buffer(name, torch.zeros(68, 3))
        self.register_buffer("landmarks_std", torch.ones(68, 3))
        self.register_buffer("pose_mean", torch.zeros(12))
        self.register_buffer("pose_std", torch.ones(12))
        self.register_buffer("size", torch.tensor([64, 64]))
        self.register_buffer("focal", torch.tensor(90.0))
        self.register_buffer("plate", torch.zeros(64, 64, 3, dtype=torch.uint8))
        self.register_buffer("pose_errors", torch.zeros(0, 6))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: object) -> None:
        state_dict = {prefix + "pose_errors": self.pose_errors.new_zeros(0, 6), **state_dict}  # older ones have none
        for name in ("plate", "pose_errors"):
            kept, own = state_dict.get(prefix + name), getattr(self, name)
            if kept is not None and kept.shape != own.shape:
                setattr(self, name, own.new_zeros(kept.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)  # type: ignore[no-untyped-call]

    def normalise(self, landmarks: Tensor) -> Tensor:
        """Return (..., 68, 3) landmarks with mean 0 and deviation 1 over the training frames."""
        return (landmarks - self.landmarks_mean) / self.landmarks_std

    def points(self, landmarks: Tensor) -> Tensor:
        """Return the positions (..., 68, 3) in the head frame that un-normalised landmarks stand for."""
        return self.mean_face + landmarks / 10

    def pose_code(self, world_from_camera: Tensor) -> Tensor:
        """Return (..., 12) normalised poses from (..., 4, 4)."""
        flat = world_from_camera[..., :3, :].flatten(-2)
        return ((flat - self.pose_mean) / self.pose_std).clamp(-5, 5)

    def rays(self, uv: Tensor, world_from_camera: Tensor) -> tuple[Rays, Tensor]:
        """Return the rays through `uv` (N, 2), training pixels, that cross the box, and their numbers."""
        height, width = (float(side) for side in self.size)
        directions = ray_directions(uv, world_from_camera, self.focal, (height, width))
        origin = world_from_camera[:3, 3]
        near, far = box_span(origin, directions, self.box)
        index = (far > near + 1e-3).nonzero()[:, 0]
        return Rays(origin, directions[index], near[index], far[index]), index
