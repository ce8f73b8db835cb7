"""What a video costs is told as it is; the sum of real files is compared in `tests/data_gen/video/test_pipeline.py`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_gen.video.ahead.costs import by_kind, costs
from data_gen.video.job import PICTURES_OF
from utils.sound.content_features import BEST_WHISPER

PAGE = Path(__file__).resolve().parents[4] / "docs/disk_and_time.md"
FEATURES = ["mel", "mfcc", "pitch_hz", "rms", "whisper", BEST_WHISPER]


def test_the_page_tells_what_a_minute_costs():
    columns = [by_kind(costs(1500, size, FEATURES, blendshapes=True)) for size in (256, 512)]
    rows = [(kind, columns[0][kind], columns[1][kind]) for kind in columns[1]]
    rows.append(("all", sum(columns[0].values()), sum(columns[1].values())))
    told = re.findall(r"^\| ([\w ]+) \| ([\d,.]+) \| ([\d,.]+) \|$", PAGE.read_text(), re.M)
    assert told == [(kind, f"{small / 1e6:,.1f}", f"{large / 1e6:,.1f}") for kind, small, large in rows]


def test_pictures_grow_with_frames_and_pixels_and_the_rest_with_frames_alone():
    small, large = costs(100, 64, ["mel"]), costs(100, 128, ["mel"])
    for stage in ("convert", "parsing", "plate"):
        for kind in small[stage]:
            assert large[stage][kind] == (1 if kind == "sound" else 4) * small[stage][kind]
    assert small["audio"] == large["audio"]
    assert small["dataset"] == large["dataset"]
    for lossless in (False, True):
        kinds = by_kind(costs(100, 64, ["mel"], lossless=lossless))
        for names in PICTURES_OF.values():
            for name, rates in names.items():
                assert kinds[name] == round(100 * 64 * 64 * rates[lossless])


def test_some_stages_are_added_by_kind():
    whole = costs(10, 64, ["mel", "rms"])
    assert by_kind(whole, ["audio"]) == {"speech features": 10 * 2 * 81 * 4, "sound": 10 * 640 * 2}
    assert by_kind(whole, []) == {}
    with pytest.raises(Exception, match="No speech feature is called 'mell'"):
        costs(10, 64, ["mell"])
