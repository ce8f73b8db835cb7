"""Write `docs/api.md` from the docstrings of what is meant to be used from Python; a test holds that it is up to date.

    python scripts/api_page.py > docs/api.md
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from data_gen.video.dataset import VideoDataset, open_video  # noqa: E402
from tasks.core.loading import load_task  # noqa: E402
from tasks.handover.pack import pack  # noqa: E402
from tasks.handover.unpack import unpack  # noqa: E402
from tasks.person.dub import dub  # noqa: E402
from tasks.person.head import TalkingHead  # noqa: E402
from tasks.person.live import LiveHead  # noqa: E402
from utils.config.recipe import load_recipe  # noqa: E402
from utils.media.video import VideoWriter, read_frames  # noqa: E402

PARTS: dict[str, tuple[Any, ...]] = {
    "Speaking": (TalkingHead, LiveHead, dub),
    "A person's data and runs": (open_video, VideoDataset, load_task, load_recipe),
    "Handing a person over": (pack, unpack),
    "Films": (read_frames, VideoWriter),
}
HEAD = """# Python

What is meant to be used from Python, as its docstrings have it (`scripts/api_page.py` writes this page). In a checkout,
start Python in its folder; where Vizeme is installed, `import vizeme` first, which lets Python find the rest. Arrays
say their shape; pictures are RGB, sound is 16 kHz mono, a video has 25 frames a second.
"""
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Shapes|Yields):$")


def page() -> str:
    """Return the page."""
    lines = [HEAD]
    for title, things in PARTS.items():
        lines += [f"## {title}", ""]
        for thing in things:
            lines += [*describe(thing, thing.__qualname__, 3)]
            if inspect.isclass(thing):
                for name, member in vars(thing).items():
                    member = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                    if not name.startswith("_") and inspect.isfunction(member) and inspect.getdoc(member):
                        lines += describe(member, f"{thing.__qualname__}.{name}", 4)
    return "\n".join(lines).rstrip() + "\n"


def describe(thing: Any, name: str, level: int) -> list[str]:
    """Write one thing: its heading, where it is imported from, its signature and its docstring."""
    where = [f"`from {thing.__module__} import {name}`", ""] if level == 3 else []
    return ["#" * level + f" {name}", "", *where, "```py", *call(thing, name), "```", "", *prose(thing), ""]


def call(thing: Any, name: str) -> list[str]:
    """Write a signature, an argument a line when it is long."""
    signature = inspect.signature(thing)
    words, starred = [], False
    for one in signature.parameters.values():
        if one.name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        default = "" if one.default is one.empty else f" = {one.default!r}"
        words.append(f"{one.name}: {one.annotation}{default}")
    end = "" if inspect.isclass(thing) or signature.return_annotation in ("None", None) else signature.return_annotation
    end = f") -> {end}" if end else ")"
    line = f"{name}({', '.join(words)}{end}"
    return [line] if len(line) <= 100 else [f"{name}(", *(f"    {word}," for word in words), end]


def prose(thing: Any) -> list[str]:
    """Write a docstring as Markdown: its sections become lists, what is indented in it code."""
    lines, section = [], ""
    for line in (inspect.getdoc(thing) or "").split("\n"):
        if match := _SECTION.match(line):
            section = match[1]
            lines += [f"*{section}*", ""]
        elif section and (item := re.match(r"^    ([\w*, |.]+): (.*)$", line)):
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif section and line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            section = section if line else ""
            lines.append(line)
    return lines


if __name__ == "__main__":
    print(page(), end="")
