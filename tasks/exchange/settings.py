"""What may be typed after the commands that import and export checkpoints; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from utils.arguments import Flag, Positional, Steps
from utils.config.schema import Config


class ImportCommand(Config):
    path: Annotated[Path | None, Positional()] = None
    """a file, or a folder with one or several (an unzipped release)"""
    exp_name: str = ""
    """the run's folder under checkpoints/ (where the file lies, else imported/<network>)"""
    source: str = ""
    """what the file is, should it not be recognised rightly; see --list"""
    listed: Annotated[bool, Flag("list")] = False
    """list what can be imported"""


class ExportCommand(Config):
    run: Annotated[str, Positional()]
    """the run, for example May/lm3d_nerf, or a checkpoint file"""
    format: Literal["safetensors", "onnx"] = "safetensors"
    """what is written; onnx where the network allows it"""
    steps: Steps = "best"
    """which checkpoint: best, last or a number of updates"""
    weights: Literal["used", "raw"] = "used"
    """used: as inference uses them (the average where ema_decay is set); raw: as training goes on with them"""
    half: bool = False
    """write 16-bit numbers: half the size (safetensors)"""
    out: Path | None = None
    """the file (<run>/export/<task>.<format>)"""
    licence: str = ""
    """licence it is given on under (what the data says)"""
    consent: str = ""
    """who agreed to what (what the data says)"""


def names_a_place(schema: type[BaseModel], name: str, value: Any) -> bool:
    """Tell whether a setting says where something is read or written: a stranger's file does not decide that here."""
    field = schema.model_fields[name]
    place = name.startswith(("infer_", "pre_trained_")) or name.endswith("_dir")
    place = place or name in ("start_from", "face_encoder")
    return place and field.annotation is str and value != field.default
