"""Tell whether motion data lies in a folder, without reading it."""

from __future__ import annotations

from pathlib import Path

from utils.errors import DataError


def refuse_missing(path: Path, audio_feature: str) -> None:
    """Refuse a folder that is neither a person's dataset nor one of clips.

    Raises:
        DataError: With the command that makes it.
    """
    if (path / "meta.json").is_file() or (path / "index.json").is_file():
        return
    if path.parent.name == "videos":
        raise DataError(
            f"No processed video at {path}. Make it with: "
            f"python data_gen/run.py video --id {path.name} --video <your video>.mp4"
        )
    raise DataError(
        f"No clips at {path}. Make them with: python data_gen/run.py clips --out {path} --videos <folder of videos> "
        f"--audio_features {audio_feature}"
    )
