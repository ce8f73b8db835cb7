"""Where what a trained network makes comes from: its run, and what its training data says of licence and consent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin
from utils.media.marks.settings import Kind, MarkSettings


def permissions(recipe: dict[str, Any], digest: str) -> tuple[str, str]:
    """Return licence and consent as the training data states them, when it is here and still the same."""
    folder = Path(str(recipe.get("binary_data_dir", "")))
    for place in (folder / str(recipe.get("video_id", "")), folder):
        for name in ("meta.json", "index.json"):
            try:
                meta = json.loads((place / name).read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(meta, dict) and digest and meta.get("fingerprint") == digest:
                return str(meta.get("licence", "")), str(meta.get("consent", ""))
    return "", ""


def marks_of(
    task: Any, kind: Kind, settings: MarkSettings | None = None, said: tuple[str, str] = ("", "")
) -> Marks:
    """Return what a trained task's films or pictures are marked with.

    Args:
        settings: How; as the task's own settings say when None.
        said: Licence and consent where they are known; else as the training data says.
    """
    stated = permissions(task.cfg.model_dump(), str(task.data_fingerprint))
    licence, consent = (own or data for own, data in zip(said, stated, strict=True))
    source = task.source
    origin = Origin(
        kind, run_name(str(source.get("path", ""))), str(source.get("sha256", "")), consent=consent, licence=licence
    )
    return Marks.of(settings or task.cfg, origin)


def run_name(checkpoint: str) -> str:
    """Return what a run is called: its path below `checkpoints`, else the name of its folder."""
    folders = Path(checkpoint).parent.parts
    if "checkpoints" in folders:
        last = len(folders) - 1 - folders[::-1].index("checkpoints")
        return "/".join(folders[last + 1 :])
    return folders[-1] if folders else ""
