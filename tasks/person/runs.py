"""The runs of a person: which there are, in what order, and where."""

from __future__ import annotations

from pathlib import Path

from tasks.core.checkpoints import checkpoint_files, work_dir_of
from utils.errors import DataError

PORTRAIT = "lm3d_nerf_portrait"
STAGES = ("syncnet", "lm3d_vae_sync", "postnet", "lm3d_nerf", "lm3d_nerf_torso", PORTRAIT)
"""The tasks of a talking head, in the order in which they need each other."""
NEEDS: dict[str, tuple[str, ...]] = {
    "lm3d_vae_sync": ("syncnet",),
    "postnet": ("syncnet", "lm3d_vae_sync"),
    "lm3d_nerf_torso": ("lm3d_nerf",),
    PORTRAIT: ("lm3d_nerf",),
}
HEARING = ("syncnet", "lm3d_vae_sync", "postnet")
"""Those that listen, and so have `audio_feature`."""
SYNCNETS = ("syncnet", "lm3d_syncnet")
POSTNETS = ("postnet", "lm3d_postnet_sync")
RENDERERS = ("lm3d_nerf_torso", "lm3d_nerf")
HEAD_FIRST = RENDERERS[::-1]
"""The head alone stands before the footage's own shoulders, which is sharper."""
PORTRAIT_FIRST = (PORTRAIT, *HEAD_FIRST)
"""What is laid into true frames is matched to them, where that was learnt."""


def renderers(compose: str, portrait: bool) -> tuple[str, ...]:
    """Return the runs that can draw, best first, by `infer_compose` and whether lower faces are laid into frames."""
    if portrait:
        return PORTRAIT_FIRST
    return HEAD_FIRST if compose == "head" else RENDERERS


def find_run(person: str, names: tuple[str, ...]) -> Path:
    """Return the first of a person's runs that has a checkpoint.

    Raises:
        DataError: None has; the message has the command that trains it.
    """
    for name in names:
        folder = work_dir_of(f"{person}/{name}")
        if checkpoint_files(folder):
            return folder
    base = work_dir_of(person)
    others = sorted(p.name for p in base.parent.glob("*") if any(checkpoint_files(p / n) for n in RENDERERS))
    hint = f" Trained: {', '.join(others)}." if others else ""
    raise DataError(
        f"No trained {names[0]} for '{person}' in {base}.{hint} Train it: bash scripts/train_talking_head.sh {person}"
    )
