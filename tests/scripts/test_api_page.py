"""The page of what is used from Python is what the docstrings say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from utils.config.schema import Config

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("api_page", ROOT / "scripts/api_page.py")
api_page = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(api_page)


def test_the_page_is_up_to_date():
    wanted = api_page.page()
    assert (ROOT / "docs/api.md").read_text() == wanted, "python scripts/api_page.py > docs/api.md"


def test_everything_that_pages_import_is_on_it():
    shown = {thing.__name__ for things in api_page.PARTS.values() for thing in things}
    for page in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.S | re.M):
            for names in re.findall(r"^from (?:tasks|data_gen|utils|modules)\S* import (.+)$", block, re.M):
                assert set(names.split(", ")) <= shown, page.name


def test_a_signature_and_its_sections_become_markdown():
    def draw(size: int = 3, *, colour: str = "red") -> Config:
        """Draw it.

        Args:
            size: How large,
                in pixels.

        Raises:
            DataError: It is not there.
        """

    assert api_page.describe(draw, "draw", 4) == [
        "#### draw", "", "```py", "draw(size: int = 3, *, colour: str = 'red') -> Config", "```", "", "Draw it.", "",
        "*Args*", "", "- `size`: How large,", "  in pixels.", "", "*Raises*", "", "- `DataError`: It is not there.", "",
    ]  # fmt: skip
