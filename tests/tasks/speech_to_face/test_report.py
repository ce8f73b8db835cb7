"""A report says each figure with its interval: as JSON, as a table, as a picture."""

from __future__ import annotations

import json

from PIL import Image

from tasks.speech_to_face.report import write_report


def test_a_report_is_written_three_times(tmp_path):
    figures = {"cosine": {"mean": 0.5, "low": 0.25, "high": 0.75}, "R@1": {"mean": 1 / 3, "chance": 0.1}}
    write_report(tmp_path, {"voices": 3}, figures)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == {"about": {"voices": 3}, "figures": figures}
    assert (tmp_path / "evaluation.md").read_text() == (
        "| figure | value | 95 % interval | chance |\n|---|---|---|---|\n"
        "| cosine | 0.500 | 0.250 to 0.750 |  |\n| R@1 | 0.333 |  | 0.100 |\n"
    )
    assert Image.open(tmp_path / "evaluation.png").format == "PNG"
