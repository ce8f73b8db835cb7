"""GeneFace's vanilla NeRF with imported weights: lm3d_nerf, lm3d_nerf_torso and their AD-NeRF baselines."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from modules.renderer.geneface.nerf import GenefaceNerf, PinholeRays, TorsoNerf, pinhole_rays
from tasks.renderer.geneface.config import GenefaceNerfConfig
from tasks.renderer.geneface.rendering import ImportedRenderer, View, in_chunks
from utils.errors import ConfigError


class GenefaceNerfTask(ImportedRenderer):
    """Render with GeneFace's vanilla NeRF."""

    schema = GenefaceNerfConfig
    cfg: GenefaceNerfConfig
    network_settings: ClassVar[tuple[str, ...]] = ("cond_type", "torso", "use_color", "smo_win_size")

    def __init__(self, config: GenefaceNerfConfig | dict[str, Any]) -> None:
        super().__init__(config)
        cfg = self.cfg
        self.landmark_driven = cfg.cond_type == "landmarks"
        channels, window = (204, 1) if self.landmark_driven else (29, 16)
        head = GenefaceNerf(channels, window, cfg.smo_win_size)
        if cfg.torso:
            self.head_model, self.model = head, TorsoNerf(use_color=cfg.use_color)
        else:
            self.model = head  # type: ignore[assignment]

    @property
    def head(self) -> GenefaceNerf:
        """Return the head's networks."""
        return self.head_model if self.cfg.torso else self.model

    def needs_speech(self) -> bool:
        """Tell whether a part hears the sound."""
        return self.cfg.torso or not self.landmark_driven

    def frame(self, windows: Tensor, speech: Tensor | None, view: View) -> Tensor:
        """Render one frame, (H, W, 3) in [0, 1]; see the base.

        Raises:
            ConfigError: Rays end before they begin.
        """
        cfg = self.cfg
        if not cfg.near < cfg.far:
            raise ConfigError(f"near = {cfg.near}, far = {cfg.far}: rays must begin before they end")
        height, width = view.background.shape[:2]
        samples = (cfg.n_samples_per_ray, cfg.n_samples_per_ray_fine)
        code = self.head.encode(windows, attention=cfg.with_att)
        rays = pinhole_rays(height, width, view.focal, view.camera, cfg.near, cfg.far)
        behind = view.background.flatten(0, 1)

        def head(part: slice) -> Tensor:
            return self.head.render(code, cut(rays, part), behind[part], samples).colour

        colours = in_chunks(len(behind), cfg.chunk, head)
        if cfg.torso:
            assert isinstance(self.model, TorsoNerf)
            assert speech is not None
            model, speech_code = self.model, self.model.code(speech, view.camera)
            still = pinhole_rays(height, width, view.focal, view.first, cfg.near, cfg.far)
            before = colours
            colours = in_chunks(
                len(behind), cfg.chunk, lambda part: model.over(before[part], speech_code, cut(still, part), samples)
            )
        return colours.view(height, width, 3)


def cut(rays: PinholeRays, part: slice) -> PinholeRays:
    """Take some of the rays."""
    return rays._replace(directions=rays.directions[part])
