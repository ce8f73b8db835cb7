"""The lower face of a trained head, matched to the true frame it is laid into."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modules.renderer import losses as terms
from modules.renderer.inference import FrameRenderer, Inset
from modules.renderer.landmark_code import add_noise
from modules.renderer.renderer import Renderer
from tasks.core.board import Board
from tasks.renderer.base import NerfTask
from tasks.renderer.build import build_renderer
from tasks.renderer.config import Lm3dNerfPortraitConfig
from tasks.renderer.judging import LPIPS_DECIBELS, judge, perceptual_loss
from tasks.renderer.over_head import OverHeadTask
from tasks.renderer.portrait.batches import LowerFaceBatch, LowerFaceSource, ValLowerFaces
from utils.arrays import Bytes

TEETH_FROM = 0.25
"""Share of the training after which LPIPS teaches what is between the lips, as long as nothing else listens to it."""


class Lm3dNerfPortraitTask(OverHeadTask):
    """Train what lays a lower face into the true frame.

    In training the frame's own lower face is covered by that of another frame in nearly the same pose. What is laid
    over that must look like the frame as it was: the mask learns to reach as far as the other mouth and chin show,
    and the colours to go with the skin around them.
    """

    schema = Lm3dNerfPortraitConfig
    cfg: Lm3dNerfPortraitConfig
    network_settings: ClassVar[tuple[str, ...]] = (
        *NerfTask.network_settings, "portrait_width", "portrait_reach", "mouth_size",
    )  # fmt: skip

    in_words = ("face_psnr", "laid over another mouth {:.1f} dB")
    into_frames = True

    def __init__(self, config: Lm3dNerfPortraitConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self._drawing: FrameRenderer | None = None

    def build(self) -> Renderer:
        """Build a renderer with a portrait layer."""
        return build_renderer(self.cfg, portrait_width=self.cfg.portrait_width, mouth_size=self.cfg.mouth_size)

    def prepare(self) -> None:
        """Measure the footage and take over the trained head.

        Raises:
            ConfigError: The head has another shape than this recipe says.
        """
        super().prepare()
        self.take_head()

    def train_source(self) -> LowerFaceSource:  # type: ignore[override]
        """Draw frames whose lower face is covered by another's."""
        cfg = self.cfg
        return LowerFaceSource(
            self.footage,
            step=2 * cfg.upsample,
            reach=cfg.portrait_reach,
            frames=cfg.n_frames,
            window=cfg.smo_win_size,
            emphasis=cfg.mouth_eyes_weight,
        )

    def val_source(self) -> ValLowerFaces:  # type: ignore[override]
        """Take a few held-out frames, covered likewise."""
        return ValLowerFaces(self.train_source(), "val", self.cfg.eval_max_batches)

    def losses(self, batch: LowerFaceBatch) -> dict[str, Tensor]:  # type: ignore[override]
        """Compare the frame in which the lower face was laid with the frame as it was; each term is a mean ()."""
        bare, mask = self._matched(batch)
        finer = self.with_mouths(bare.detach(), batch)
        colour = finer + (bare - bare.detach())  # each learns from the picture as if the other stood still
        target, under = (_picture(one) for one in (batch.target, batch.covered))
        shown = under + mask * (colour - under)
        losses = self.picture_losses(shown, target, batch.weight)
        losses["cover"] = mask.mean()
        losses["bare"] = terms.colour_loss(colour, target, batch.weight)
        return losses | self._mouth_losses(shown, under + mask.detach() * (finer - under), target, batch.mouth)

    def _mouth_losses(self, shown: Tensor, finer: Tensor, target: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """Compare the mouths of pictures (B, 3, H, W): of `finer` what is between the lips alone learns."""
        weights, progress = self.cfg.weights, self.updates / self.cfg.max_updates
        losses, truth, teeth = {}, _cut(target, boxes), _cut(finer, boxes)
        wanted = self.model.mouth is not None and weights.mouth_perceptual > 0
        teeth_net = self._perceptual_net() if wanted else None
        if teeth_net is not None and weights.mouth_fineness > 0:  # where LPIPS is silent, grain would do for teeth
            losses["mouth_fineness"] = terms.fineness_loss(teeth, truth)
        if (net := self._lpips("mouth_perceptual")) is not None:
            losses["mouth_perceptual"] = perceptual_loss(net, _cut(shown, boxes), truth)
        elif teeth_net is not None and self.training and progress >= TEETH_FROM:
            losses["mouth_perceptual"] = perceptual_loss(teeth_net, teeth, truth)
        return losses

    def match(self, batch: LowerFaceBatch) -> tuple[Tensor, Tensor]:
        """Return what is laid into the covered frames: colours (B, 3, H, W) in [0, 1] and the mask (B, 1, H, W)."""
        colour, mask = self._matched(batch)
        return self.with_mouths(colour, batch), mask

    def _matched(self, batch: LowerFaceBatch) -> tuple[Tensor, Tensor]:
        """Return what `match` does, before mouths are drawn finer."""
        drawn, low, uv = self._draw(batch)
        portrait = self.model.portrait
        assert portrait is not None
        covered = self.model.covered_maps(batch.covered_landmarks, batch.world_from_camera, uv)
        frame, mask = _picture(batch.covered), batch.mask[:, None]
        return self.model.matched(portrait, _picture(drawn), frame, mask, low, covered)

    def with_mouths(self, colour: Tensor, batch: LowerFaceBatch) -> Tensor:
        """Return colours (B, 3, H, W) in which what is between the lips is drawn finer, where that is learnt."""
        if (mouth := self.model.mouth) is None:
            return colour
        colour = colour.clone()
        shape, middle = (colour.shape[2], colour.shape[3]), batch.landmarks.shape[1] // 2
        for index, (left, top) in enumerate(batch.corner.tolist()):
            seen = batch.landmarks[index, middle], batch.world_from_camera[index]
            if (place := self.model.mouth_part(*seen, (left, top), 1.0, shape)) is not None:
                part, corner = colour[index][:, *place], (left + place[1].start, top + place[0].start)
                colour[index][:, *place] = self.model.finer_mouth(mouth, part.clone(), *seen, corner, 1.0)
        return colour

    @torch.no_grad()
    def _draw(self, batch: LowerFaceBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the head, which does not learn: pictures (B, H, W, 3) uint8, what they were made of, and their rays."""
        if self._drawing is None or self._drawing.uv.device != batch.mask.device:
            dtype = None if self.cfg.infer_bf16 else torch.float32
            self._drawing = FrameRenderer(self.model, dtype=dtype)
        frames, scene, up = self._drawing, self.model.scene, self.cfg.upsample
        noise = self.cfg.landmark_noise if self.training else 0.0
        windows = add_noise(scene.normalise(batch.landmarks), noise) * scene.landmarks_std + scene.landmarks_mean
        code = frames.encode(windows)
        high, wide = (side // up for side in batch.mask.shape[1:])
        parts = []
        for index, (left, top) in enumerate((batch.corner // up).tolist()):
            inset = Inset(
                top, left, top + high, left + wide, batch.mask[index], batch.covered[index],
                batch.covered_landmarks[index],
            )  # fmt: skip
            landmarks = windows[index, windows.shape[1] // 2]
            camera, behind = batch.world_from_camera[index], batch.backdrop[index]
            picture, low, uv = frames.drawn(code, index, landmarks, camera, behind, inset)
            parts.append((picture[None], low, uv))
        return tuple(torch.cat(tensors).clone() for tensors in zip(*parts, strict=True))  # type: ignore[return-value]

    @torch.no_grad()
    def laid_in(self, batch: LowerFaceBatch) -> NDArray[np.uint8]:
        """Return the covered frames (B, H, W, 3) with the lower faces laid in."""
        colour, mask = self.match(batch)
        under = _picture(batch.covered)
        shown = (under + mask * (colour - under)).clamp(0, 1).permute(0, 2, 3, 1) * 255 + 0.5
        return shown.to(torch.uint8).cpu().numpy()

    def metrics(self, batch: LowerFaceBatch) -> dict[str, Tensor]:  # type: ignore[override]
        """Judge lower faces that were laid over another's: means () over the batch."""
        totals: dict[str, list[float]] = {}
        trios = zip(self.laid_in(batch), batch.target.cpu().numpy(), batch.mouth.tolist(), strict=True)
        for shown, target, mouth in trios:
            figures = judge(shown, target, {"face": None, "mouth": tuple(mouth)}, self.lpips)
            figures["face_score"] = figures["face_psnr"] - LPIPS_DECIBELS * figures.get("face_lpips", 0.0)
            for name, value in figures.items():
                totals.setdefault(name, []).append(value)
        return {name: torch.tensor(float(np.mean(values))) for name, values in totals.items()}

    def draw(self, board: Board) -> None:
        """Show held-out lower faces: as it was, covered by another, and laid in."""
        faces = self.val_source()
        for index in range(min(self.cfg.num_valid_plots, len(faces))):
            batch = faces[index]
            shown = self.laid_in(LowerFaceBatch(*(one.to(self.device) for one in batch)))
            row: list[Bytes] = [batch.target[0].numpy(), batch.covered[0].numpy(), shown[0]]
            board.image(f"true_covered_and_laid_in/{index}", np.concatenate(row, axis=1))


def _picture(pictures: Tensor) -> Tensor:
    """Turn (B, H, W, 3) uint8 into (B, 3, H, W) in [0, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def _cut(pictures: Tensor, boxes: Tensor) -> Tensor:
    """Cut a box (B, 4) x0, y0, x1, y1, of one size in all, out of each of some pictures (B, 3, H, W)."""
    parts = zip(pictures, boxes.tolist(), strict=True)
    return torch.stack([picture[:, y0:y1, x0:x1] for picture, (x0, y0, x1, y1) in parts])
