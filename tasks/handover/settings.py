"""What may be typed to hand a person over and to take one in; nothing heavy is imported here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from utils.arguments import Positional, Steps, must
from utils.config.schema import Config

REPO = r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}"
Repo = Annotated[str, must(lambda text: re.fullmatch(REPO, text, re.ASCII), "write OWNER/NAME, as huggingface.co does")]


class Handover(Config):
    """Say what of a person is handed over, and on which terms."""

    id: Annotated[str, Positional()]
    """who is packed"""
    renderer: Literal["auto", "lm3d_nerf_torso", "lm3d_nerf"] = "auto"
    """which renderer goes along; lm3d_nerf takes the footage's torso with it, which is much larger"""
    no_portrait: bool = False
    """leave out a trained portrait and the footage's frames, which it is laid into: smaller, and no frame is given
    away; head and torso are then drawn"""
    steps: Steps = "best"
    """which checkpoints: best, last or a number"""
    licence: str = ""
    """licence it is given on under (what the data says)"""
    consent: str = ""
    """who agreed to what (what the data says)"""


class PackCommand(Handover):
    """Pack what a person needs to speak into one file: networks, head poses, landmarks, what lies behind the head."""

    out: Path | None = None
    """the file to write (<id>.vizeme)"""


class PushCommand(Handover):
    """Pack a person and upload the file, with a model card, to huggingface.co. You must be logged in: hf auth login

    Before anything is sent it says the name, the licence and the consent, and asks.
    """

    repo: Annotated[Repo, Positional()]
    """where to: OWNER/NAME; it is made if there is none"""
    private: bool = False
    """make it so that only its owner sees it, where it is made"""
    yes: bool = False
    """do not ask; for scripts"""
    offline: bool = False
    """send nothing: the command is refused"""


class PullCommand(Config):
    """Fetch a person whom somebody has pushed, and unpack them, every part checked as `unpack` does."""

    repo: Annotated[Repo, Positional()]
    """where from: OWNER/NAME on huggingface.co"""
    exp_name: Annotated[str, Positional()] = ""
    """what the person is called here (as in the pack)"""
    binary_data_dir: Path = Path("data/binary/videos")
    """where processed videos lie"""
    revision: str = "main"
    """which state of it: a branch, a tag or a commit"""
    offline: bool = False
    """fetch nothing: the command is refused"""


class UnpackCommand(Config):
    """Unpack a person, who then speaks as before packing. Every part is checked; nothing that is there is replaced."""

    pack: Annotated[Path, Positional()]
    """the .vizeme file"""
    exp_name: str = ""
    """what the person is called here (as in the pack)"""
    binary_data_dir: Path = Path("data/binary/videos")
    """where processed videos lie"""
