"""Open LPIPS where its weights are here."""

from __future__ import annotations

from safetensors.torch import load_file

from modules.faces.lpips import Lpips, make_lpips
from utils.assets import find_asset


def open_lpips() -> Lpips | None:
    """Return LPIPS, frozen, on the CPU; None where its weights are not here."""
    path = find_asset("lpips_alexnet")
    return None if path is None else make_lpips(load_file(path))
