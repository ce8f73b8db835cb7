"""What may be typed to pack a person and to unpack one; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from utils.arguments import Positional, Steps
from utils.config.schema import Config


class PackCommand(Config):
    """Pack what a person needs to speak into one file: networks, head poses, landmarks, what lies behind the head."""

    id: Annotated[str, Positional()]
    """who is packed"""
    out: Path | None = None
    """the file to write (<id>.vizeme)"""
    renderer: Literal["auto", "lm3d_nerf_torso", "lm3d_nerf"] = "auto"
    """which renderer goes along; lm3d_nerf takes the footage's torso with it as lossless video, which is much larger"""
    steps: Steps = "best"
    """which checkpoints: best, last or a number"""
    licence: str = ""
    """licence it is given on under (what the data says)"""
    consent: str = ""
    """who agreed to what (what the data says)"""


class UnpackCommand(Config):
    """Unpack a person, who then speaks as before packing. Every part is checked; nothing that is there is replaced."""

    pack: Annotated[Path, Positional()]
    """the .vizeme file"""
    exp_name: str = ""
    """what the person is called here (as in the pack)"""
    binary_data_dir: Path = Path("data/binary/videos")
    """where processed videos lie"""
