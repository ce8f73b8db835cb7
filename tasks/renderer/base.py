"""What the renderers' tasks share: footage, losses, rendering, judging."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_gen.video.dataset import VideoDataset
from modules.renderer import losses as terms
from modules.renderer.field import BlendPlaneHead
from modules.renderer.pool import render_side_by_side
from modules.renderer.renderer import Renderer
from tasks.core.board import Board
from tasks.core.task import Task
from tasks.renderer.config import NETWORK, NerfConfig
from tasks.renderer.evaluate import evaluate
from tasks.renderer.footage import Footage, scene_boxes
from tasks.renderer.judging import LPIPS_DECIBELS, judge, perceptual_loss
from tasks.renderer.painter import Painter
from tasks.renderer.patches import PatchBatch, PatchSource, ValBatches
from tasks.renderer.portrait.composer import Laid
from tasks.speaking.backdrop import behind_the_torso
from tasks.speaking.frames import infer_video, video_of
from tasks.weights.lpips import open_lpips
from utils.arrays import Bytes, Floats
from utils.errors import ConfigError
from utils.faces.landmarks import MEAN_FACE
from utils.media.pictures import cover, fitted
from utils.metrics import Box, crop

log = logging.getLogger(__name__)


class NerfTask(Task):
    """Train and use a `Renderer`; the tasks differ in what lies behind or around the head and in what learns."""

    cfg: NerfConfig
    model: Renderer
    network_settings: ClassVar[tuple[str, ...]] = (*NETWORK, "size")
    in_words = ("face_psnr", "face {:.1f} dB")
    into_frames: ClassVar[bool] = False
    """Whether what it draws is meant to be laid into the true frames, and is judged there."""

    def __init__(self, config: NerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self._footage: Footage | None = None
        self._perceptual: torch.nn.Module | None = None
        self._perceptual_sought = False

    # -- data ------------------------------------------------------------------------------------------------------
    @property
    def footage(self) -> Footage:
        """Open the person's video at the training size.

        Raises:
            ConfigError: No video is named.
        """
        if self._footage is None:
            if not self.cfg.video_id:
                raise ConfigError("video_id is empty: say whose renderer this is, for example --video_id May")
            self._footage = Footage(video_of(self), self.cfg.size)
        return self._footage

    def put_right(self, there: VideoDataset | Footage | None) -> None:
        """Let the poses of a video, where one is open, be those that the head has found: `tasks.renderer.pose_fit`."""
        if there is not None:
            there.put_right(self.model.scene.pose_errors.cpu().numpy())

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        done = super().load_state_dict(*args, **kwargs)
        self.put_right(self._footage)
        return done

    def prepare(self) -> None:
        """Measure the footage: box, camera, how landmarks and poses are spread."""
        footage, scene = self.footage, self.model.scene
        footage.put_right(None)  # a run that goes on measures what it measured when it began
        box, face_box = scene_boxes(footage, self.cfg.box_depth)
        self.data_fingerprint = footage.video.meta.fingerprint
        poses = footage.cameras[footage.video.frame_ids("train")][:, :3].reshape(-1, 12)
        values = {
            "box": box,
            "face_box": face_box,
            "mean_face": MEAN_FACE,
            "landmarks_mean": footage.video.landmarks_mean,
            "landmarks_std": np.maximum(footage.video.landmarks_std, 0.05),
            "pose_mean": poses.mean(axis=0),
            "pose_std": np.maximum(poses.std(axis=0), 1e-2),
            "focal": np.float32(footage.focal),
            "size": np.array([footage.height, footage.width]),
        }
        for name, value in values.items():
            getattr(scene, name).copy_(torch.from_numpy(np.array(value)))
        self.put_right(footage)
        head = self.model.head
        head.box.copy_(scene.box)
        if isinstance(head, BlendPlaneHead):
            head.face_box.copy_(scene.face_box)

    def train_source(self) -> PatchSource:
        """Draw patches of training frames."""
        return self.patches()

    def patches(self, focus: Floats | None = None, scattered: bool = False) -> PatchSource:
        """Draw patches as the settings say, around the face or in `focus` (4,) x0 y0 x1 y1 px; see `PatchSource`."""
        cfg = self.cfg
        return PatchSource(
            self.footage,
            upsample=cfg.upsample,
            rays=cfg.n_rays,
            frames=cfg.n_frames,
            window=cfg.smo_win_size,
            in_rect=cfg.in_rect_percent,
            emphasis=cfg.mouth_eyes_weight,
            pairs=cfg.weights.temporal > 0,
            scattered=scattered,
            focus=focus,
        )

    def val_source(self) -> ValBatches:
        """Take patches of a few held-out frames."""
        return ValBatches(self.train_source(), "val", self.cfg.eval_max_batches)

    # -- training --------------------------------------------------------------------------------------------------
    def picture_losses(self, image: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Compare pictures (B, 3, H, W) in [0, 1], weighted by (B, 1, H, W): the terms that every picture has."""
        losses = {
            "rgb": terms.colour_loss(image, target, weight),
            "structure": terms.structure_loss(image, target, weight),
            "detail": terms.detail_loss(image, target, weight),
        }
        if self.cfg.weights.temporal > 0 and len(image) % 2 == 0:
            change = (image[1::2] - image[::2]) - (target[1::2] - target[::2])
            losses["temporal"] = terms.weighted_mean(change.abs(), weight[1::2])
        if (net := self._lpips("perceptual")) is not None:
            losses["perceptual"] = perceptual_loss(net, image, target)
        return losses

    def _lpips(self, loss: Literal["perceptual", "mouth_perceptual"]) -> torch.nn.Module | None:
        """Return LPIPS when that loss is wanted now and its weights are here."""
        progress = self.updates / self.cfg.max_updates
        if getattr(self.cfg.weights, loss) == 0 or (self.training and progress < self.cfg.perceptual_from):
            return None
        return self._perceptual_net()

    def _perceptual_net(self) -> torch.nn.Module | None:
        if not self._perceptual_sought:
            self._perceptual_sought = True
            net = open_lpips()
            if net is None and self.cfg.weights.perceptual + self.cfg.weights.mouth_perceptual > 0:
                log.info("No LPIPS weights here: trained without the perceptual loss (python -m utils.assets).")
            self.keep_outside("_perceptual", net)
        found = self._perceptual
        return None if found is None else found.to(self.device)

    def configure_optimizers(self) -> Any:
        """Return Adam with a rate for tables of features and one for networks, and a cosine down to a twentieth."""
        tables = {id(p) for p in self._tables()}
        code = (
            {id(p) for p in self.model.head.code.parameters()} if isinstance(self.model.head, BlendPlaneHead) else set()
        )
        trained = [p for p in self.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if id(p) in tables], "lr": self.cfg.lr_planes},
            {"params": [p for p in trained if id(p) in code], "lr": self.cfg.lr_code},
            {"params": [p for p in trained if id(p) not in tables | code], "lr": self.cfg.lr},
        ]
        groups = [group for group in groups if group["params"]]
        optimizer = torch.optim.Adam(groups, lr=self.cfg.lr, betas=(0.9, 0.99), eps=1e-12, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _tables(self) -> list[torch.nn.Parameter]:
        tables = self.model.torso.table_parameters() if self.model.torso is not None else []
        tables += [self.model.mouth.textures] if self.model.mouth is not None else []
        return tables + (self.model.head.table_parameters() if isinstance(self.model.head, BlendPlaneHead) else [])

    def schedule(self, update: int) -> float:
        """Warm up over 20 updates, then follow a cosine."""
        progress = min(1.0, update / self.cfg.max_updates)
        return min(1.0, (update + 1) / 20) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))

    # -- rendering -------------------------------------------------------------------------------------------------
    def plate(self, frame_id: int, height: int, width: int, background: Bytes | None = None) -> Bytes:
        """Return what is seen behind the head of a frame, (height, width, 3) RGB.

        That is the frame with the head taken out; `background` (H, W, 3) in place of its own, where given.
        """
        video = self.footage.video
        if background is None:
            return fitted(video.torso_frames[frame_id], height, width)
        scene = behind_the_torso(video, frame_id, cover(background, video.meta.height, video.meta.width))
        return fitted(scene, height, width)

    def render(
        self,
        landmarks: NDArray[np.float32],
        world_from_camera: NDArray[np.float32],
        frame_ids: NDArray[np.integer[Any]],
        *,
        own_poses: bool = True,
        scale: float = 1.0,
        background: Bytes | None = None,
        portrait: bool = False,
        batch: int = 64,
    ) -> Iterator[Bytes]:
        """Render frames one after the other; the memory it takes does not grow with their number.

        Args:
            landmarks: (T, 68, 3) un-normalised: offsets from the mean face in tenths of an eye distance. With poses of
                the footage, as they go with these: see `VideoDataset.carried`.
            world_from_camera: (T, 4, 4) poses.
            frame_ids: (T,) frames of the dataset, whose shoulders are seen.
            own_poses: Whether the poses are those of `frame_ids`; else a rendered torso follows the poses.
            scale: Size of the result against the training pictures.
            background: (H, W, 3) of any size to show in place of the footage's background.
            portrait: Lay the lower face into the true frame; the poses must be those of `frame_ids`.
            batch: Frames whose landmarks are encoded at once.

        Yields:
            (H, W, 3) uint8 RGB; the same for the same input, whatever was rendered before.
        """
        painter = self.painter(scale=scale, background=background, portrait=portrait)
        stretch = (landmarks, world_from_camera, frame_ids)
        with contextlib.closing(self._pictures(painter, *stretch, own_poses=own_poses, batch=batch)) as pictures:
            for picture in pictures:
                yield painter.finish(picture)

    def lower_faces(
        self,
        landmarks: NDArray[np.float32],
        world_from_camera: NDArray[np.float32],
        frame_ids: NDArray[np.integer[Any]],
        *,
        scale: float = 1.0,
    ) -> Iterator[Laid]:
        """Render lower faces alone, to be laid into frames that the footage was made of; see `render`."""
        painter = self.painter(scale=scale, portrait=True)
        with contextlib.closing(self._pictures(painter, landmarks, world_from_camera, frame_ids)) as pictures:
            for picture in pictures:
                yield painter.laid(picture)

    def _pictures(
        self,
        painter: Painter,
        landmarks: NDArray[np.float32],
        world_from_camera: NDArray[np.float32],
        frame_ids: NDArray[np.integer[Any]],
        *,
        own_poses: bool = True,
        batch: int = 64,
    ) -> Generator[Tensor, None, None]:
        """Draw what `painter` asks for, `batch` frames' landmarks at once."""
        reach = self.cfg.smo_win_size

        def jobs() -> Iterator[tuple[Any, ...]]:
            for start in range(0, len(landmarks), batch):
                stop = min(start + batch, len(landmarks))
                low, high = max(0, start - reach), min(len(landmarks), stop + reach)
                seen_from = (world_from_camera[start:stop], frame_ids[start:stop])
                wanted = range(start - low, stop - low)
                yield from painter.jobs(landmarks[low:high], wanted, *seen_from, own_poses=own_poses)

        yield from render_side_by_side(painter.frames, jobs(), insets=painter.composer is not None)

    def painter(
        self,
        *,
        scale: float = 1.0,
        background: Bytes | None = None,
        portrait: bool = False,
    ) -> Painter:
        """Prepare to draw frames of one size over one background (H, W, 3) RGB of any size, or into the true frames."""
        return Painter(self, scale=scale, background=background, portrait=portrait)

    def render_frames(
        self, frame_ids: NDArray[np.integer[Any]], scale: float = 1.0
    ) -> Generator[Bytes, None, None]:
        """Render frames (n,) of the dataset from their own landmarks and poses; yield (H, W, 3) RGB each."""
        painter = self.painter(scale=scale)

        def jobs() -> Iterator[tuple[Any, ...]]:
            for frame in frame_ids.tolist():
                window = self.footage.window(frame, self.cfg.smo_win_size)
                yield from painter.jobs(window, [len(window) // 2], self.footage.cameras[[frame]], np.array([frame]))

        with contextlib.closing(render_side_by_side(painter.frames, jobs())) as pictures:
            yield from map(painter.finish, pictures)

    def metrics(self, batch: PatchBatch) -> dict[str, Tensor]:
        """Judge whole rendered frames in the boxes of head, face, mouth and eyes: means () over the batch."""
        totals: dict[str, list[float]] = {}
        ids = batch.frame_ids.cpu().numpy()
        for frame, picture in zip(ids, self.render_frames(ids), strict=True):
            for name, value in self.judge(int(frame), picture).items():
                totals.setdefault(name, []).append(value)
        return {name: torch.tensor(float(np.mean(values))) for name, values in totals.items()}

    def judge(self, frame: int, picture: Bytes) -> dict[str, float]:
        """Compare a render (H, W, 3) with its frame.

        Returns:
            `<box>_psnr` in decibels, `face_ssim`, `face_lpips` where its weights are here, and `face_score`, decibels
            less what LPIPS finds.
        """
        truth = self.footage.picture("frames", frame)
        boxes = self.footage.boxes(frame)
        figures = judge(picture, truth, boxes) | judge(picture, truth, {"face": boxes["face"]}, self.lpips)
        figures["face_score"] = figures["face_psnr"] - LPIPS_DECIBELS * figures.get("face_lpips", 0.0)
        return figures

    @torch.no_grad()
    def lpips(self, picture: Bytes, truth: Bytes, box: Box | None) -> float | None:
        """Return the LPIPS of two pictures (H, W, 3) in a box; None where its weights are not here."""
        if (net := self._perceptual_net()) is None:
            return None
        pair = [np.ascontiguousarray(crop(p, box).transpose(2, 0, 1)[None]) for p in (picture, truth)]
        return float(perceptual_loss(net, *(torch.from_numpy(p).float().to(self.device) / 255 for p in pair)))

    def draw(self, board: Board) -> None:
        """Show rendered beside real frames."""
        ids = self.val_source().ids[: self.cfg.num_valid_plots]
        for index, (frame, picture) in enumerate(zip(ids, self.render_frames(ids), strict=True)):
            truth = self.footage.picture("frames", int(frame))
            board.image(f"rendered_and_real/{index}", np.concatenate([picture, truth], axis=1))

    def infer(self) -> None:
        """Speak: see `tasks.talking_head`."""
        infer_video(self)

    def evaluate(self, folder: Path) -> None:
        """Compare held-out frames, rendered from their own landmarks and poses, with the real ones."""
        evaluate(self, folder)
