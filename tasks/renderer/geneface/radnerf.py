"""GeneFace's RAD-NeRF with imported weights: lm3d_radnerf, lm3d_radnerf_torso and the radnerf baseline."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from modules.renderer.geneface.radnerf import RadHead, Seen, centre_rays, ngp_pose, picture_places
from tasks.renderer.geneface.config import GenefaceRadnerfConfig
from tasks.renderer.geneface.rendering import ImportedRenderer, View, in_chunks


class GenefaceRadnerfTask(ImportedRenderer):
    """Render with GeneFace's RAD-NeRF."""

    schema = GenefaceRadnerfConfig
    cfg: GenefaceRadnerfConfig
    network_settings: ClassVar[tuple[str, ...]] = (
        "cond_type", "torso", "torso_head_aware", "grid_type", "grid_interpolation_type", "smo_win_size",
    )  # fmt: skip

    def __init__(self, config: GenefaceRadnerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        cfg = self.cfg
        self.landmark_driven = cfg.cond_type == "landmarks"
        window, channels = (1, 204) if self.landmark_driven else self.speech_shape()
        self.model = RadHead(
            channels, window, cfg.smo_win_size, codes=cfg.individual_embedding_num, torso=cfg.torso,
            head_aware=cfg.torso_head_aware, grid=cfg.grid_type, interpolation=cfg.grid_interpolation_type,
        )  # fmt: skip

    def speech_shape(self) -> tuple[int, int]:
        """Return (window, channels) of the speech features wanted."""
        return (16, 44 if self.cfg.cond_type == "esperanto" else 29)

    def frame(self, windows: Tensor, speech: Tensor | None, view: View) -> Tensor:
        """Render one frame, (H, W, 3) in [0, 1]; see the base."""
        cfg, model = self.cfg, self.model
        height, width = view.background.shape[:2]
        pose = ngp_pose(view.camera, cfg.camera_scale, cfg.camera_offset)
        code = model.encode(windows, attention=cfg.with_att)
        directions = centre_rays(height, width, view.focal, pose)
        places = picture_places(height, width, pose.device)
        behind = view.background.flatten(0, 1)

        heads = model.march(pose[:3, 3], directions, code, cfg.chunk)

        def part_of(part: slice) -> Tensor:
            head, back = Seen(heads.colour[part], heads.alpha[part]), behind[part]
            if cfg.torso:
                torso: Seen = model.torso(places[part], pose, head, cfg.torso_shrink)
                back = torso.colour + (1 - torso.alpha[:, None]) * back
            return head.colour + (1 - head.alpha[:, None]) * back

        return in_chunks(len(behind), cfg.chunk, part_of).view(height, width, 3)
