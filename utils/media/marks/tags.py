"""Plain tags of films and pictures: title, comment and software, as any player or viewer shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.media.ffmpeg import Stream, input_arguments

_MOST = 1 << 16
_TITLE, _SOFTWARE = 0x010E, 0x0131
"""ImageDescription and Software of EXIF."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def film_arguments(tags: Mapping[str, str]) -> list[str]:
    """Return what ffmpeg writes tags by; an mp4 that is to be the same bytes bears no name of a software of its own."""
    return [part for name, value in tags.items() if name != "software" for part in ("-metadata", f"{name}={value}")]


def picture_options(tags: Mapping[str, str], suffix: str) -> dict[str, Any]:
    """Return what Pillow's `save` writes tags by, into a PNG, JPEG or WebP; nothing for other kinds."""
    from PIL import Image, PngImagePlugin

    if suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        for name, value in tags.items():
            texts.add_itxt(name.capitalize(), value)
        return {"pnginfo": texts}
    if suffix not in (".jpg", ".jpeg", ".webp") or not tags:
        return {}
    exif = Image.Exif()
    exif[_TITLE], exif[_SOFTWARE] = f"{tags['title']}: {tags['comment']}".encode(), tags["software"]
    return {"exif": exif, **({"comment": tags["comment"].encode()} if suffix != ".webp" else {})}


def read_film_tags(file: Path) -> dict[str, str]:
    """Read the tags of a film from anywhere, the first 64 kB of them."""
    arguments = [*input_arguments(file), "-f", "ffmetadata", "pipe:1"]
    buffer = bytearray(_MOST)
    with Stream(arguments) as stream:
        filled = stream.read_into(memoryview(buffer))
    text = bytes(buffer[:filled]).decode("utf-8", "replace")
    lines = re.split(r"(?<!\\)\n", text.partition("\n[")[0])  # what comes after "[" is of a stream or a chapter
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith(";"))
    return {name.lower(): _ESCAPED.sub(r"\1", value) for name, _, value in pairs}


def read_picture_tags(file: Path) -> dict[str, str]:
    """Read the tags of a picture from anywhere.

    Raises:
        DataError: It is none.
    """
    import warnings

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=("JPEG", "PNG", "WEBP")) as opened:
                texts = {str(name).lower(): value for name, value in opened.info.items()}
                exif = dict(opened.getexif())
    except Exception as error:  # a damaged picture fails in many ways
        raise DataError(" ".join(str(error).split())) from None
    pairs = {"title": exif.get(_TITLE), "software": exif.get(_SOFTWARE)}
    pairs |= {name: texts[name] for name in ("title", "comment", "software") if name in texts}
    return {name: _text(value)[:_MOST] for name, value in pairs.items() if value}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
