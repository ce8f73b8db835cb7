"""What a pack says of itself: its members with size and SHA-256, whose it is, under which licence and consent."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from utils.errors import ConfigError

MANIFEST, CARD = "manifest.json", "README.md"
RUNS = ("lm3d_vae_sync", "postnet", "lm3d_nerf", "lm3d_nerf_torso")
"""Runs that may lie in a pack: runs/NAME.safetensors, with a card runs/NAME.md."""
MEGA, GIGA = 1 << 20, 1 << 30
MOST = {
    MANIFEST: MEGA,
    CARD: MEGA,
    **{f"runs/{name}.safetensors": 4 * GIGA for name in RUNS},
    **{f"runs/{name}.md": MEGA for name in RUNS},
    "footage/meta.json": MEGA,
    "footage/motion.safetensors": GIGA,
    "footage/audio.safetensors": GIGA,
    "footage/background.png": 64 * MEGA,
    "footage/torso_frames.mkv": 64 * GIGA,
    "footage/torso_mask.mkv": 16 * GIGA,
}
"""Every name that a member may have, and the most bytes it may hold."""
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def check_name(name: str, what: str) -> str:
    """Return a person's name, which becomes that of folders, when it is a plain one.

    Raises:
        ConfigError: It is not.
    """
    if not _ID.fullmatch(name):
        raise ConfigError(f"{what} '{name}': use letters, digits, '_', '.' and '-' only, and no '.' or '-' in front")
    return name


def _plain_name(name: str) -> str:
    if not _ID.fullmatch(name):
        raise ValueError("not a plain name")
    return name


class Member(BaseModel):
    """One member: how many bytes, and their digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a pack says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-person"] = "vizeme-person"
    version: Literal[1] = 1
    id: Annotated[str, AfterValidator(_plain_name)]
    renderer: Literal["lm3d_nerf", "lm3d_nerf_torso"]
    licence: str
    consent: str
    members: dict[str, Member]
    """All others, by name."""
