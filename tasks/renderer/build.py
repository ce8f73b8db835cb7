"""From the settings of a renderer to its network."""

from __future__ import annotations

from modules.renderer.field import BlendPlaneHead
from modules.renderer.landmark_code import POINT_GROUPS
from modules.renderer.layers.mouth import MouthLayer
from modules.renderer.layers.portrait import PortraitLayer
from modules.renderer.layers.torso import TorsoLayer
from modules.renderer.renderer import Renderer
from modules.renderer.scene import Scene
from modules.renderer.vanilla import VanillaHead
from tasks.renderer.config import NerfConfig
from utils.errors import ConfigError


def build_renderer(
    cfg: NerfConfig, torso: TorsoLayer | None = None, portrait_width: int = 0, mouth_size: int = 0
) -> Renderer:
    """Build the network that the settings describe, with a torso, or with a portrait layer of some width.

    `mouth_size` is that of the textures inside its mouth, 0 for none.

    Raises:
        ConfigError: The settings do not go together.
    """
    scene = Scene()
    head: BlendPlaneHead | VanillaHead
    samples: dict[str, int] = {"samples": cfg.n_samples_per_ray, "fine_samples": cfg.n_samples_per_ray_fine}
    if not any(samples.values()):
        raise ConfigError(
            "n_samples_per_ray = 0 and n_samples_per_ray_fine = 0: a ray that is never sampled shows no head; "
            "give one of them at least 1"
        )
    if cfg.backbone == "vanilla":
        if cfg.upsample != 1:
            raise ConfigError(f"upsample = {cfg.upsample}: the vanilla backbone has no decoder; set upsample: 1")
        head = VanillaHead(scene.box, window=cfg.smo_win_size, cond_dim=cfg.cond_dim, **samples)
    else:
        head = BlendPlaneHead(
            scene.box,
            scene.face_box,
            window=cfg.smo_win_size,
            cond_dim=cfg.cond_dim,
            bases=cfg.n_bases,
            plane_size=cfg.plane_size,
            dynamic_size=cfg.dynamic_size,
            grid_size=cfg.grid_size,
            channels=cfg.plane_channels,
            **samples,
        )
    portrait = None
    if portrait_width:
        shown = 3 + len(POINT_GROUPS) * cfg.landmark_input if cfg.upsample > 1 else 0  # what the decoder sees, too
        portrait = PortraitLayer(head.feature_dim, 1 + shown + len(POINT_GROUPS), cfg.upsample, portrait_width)
    return Renderer(
        scene,
        head,
        upsample=cfg.upsample,
        decoder_width=cfg.decoder_width,
        landmark_input=cfg.landmark_input,
        torso=torso,
        portrait=portrait,
        mouth=MouthLayer(mouth_size) if mouth_size else None,
    )
