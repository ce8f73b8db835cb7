"""How what is made is marked: settings, and nothing heavy beside them."""

from __future__ import annotations

from typing import Literal

from utils.config.schema import Config

Label = Literal["none", "en", "zh", "both", "eu"]
Kind = Literal["film", "dub", "picture", "comparison", "stream"]
"""What a file is that is marked."""


class MarkSettings(Config):
    """How what is made is marked."""

    infer_mark: bool = True
    """Let what is made say that it is: a signed manifest (C2PA), plain tags, and a faint pattern in the pictures."""
    infer_label: Label = "none"
    """A visible label in every picture: en (AI-generated), zh (人工智能生成), both, or eu (AI)."""
