"""What a pack says of itself: its members with size and SHA-256, whose it is, under which licence and consent."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasks.person.runs import PORTRAIT
from utils.errors import ConfigError

MANIFEST, CARD = "manifest.json", "README.md"
RUNS = ("lm3d_vae_sync", "postnet", "lm3d_nerf", "lm3d_nerf_torso", PORTRAIT)
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
    **{f"footage/{name}.safetensors": 64 * GIGA for name in ("frames", "torso_frames")},
    **{f"footage/{name}.safetensors": 16 * GIGA for name in ("head_mask", "torso_mask")},
}
"""Every name that a member may have, and the most bytes it may hold."""
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def pictures_of(runs: Collection[str]) -> tuple[str, ...]:
    """Name the pictures of the footage that some renderers read while they draw."""
    behind = ("torso_frames", "torso_mask") if "lm3d_nerf" in runs else ()
    laid_into = ("frames", "torso_frames", "head_mask") if PORTRAIT in runs else ()
    return tuple(dict.fromkeys((*behind, *laid_into)))


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

    @property
    def renderers(self) -> tuple[str, ...]:
        """Name the runs that draw: the one that speaks by itself, and the portrait where it is there."""
        return (self.renderer, *((PORTRAIT,) if f"runs/{PORTRAIT}.safetensors" in self.members else ()))
