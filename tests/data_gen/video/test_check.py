from __future__ import annotations

from data_gen.video.check import make_check, spread
from tests.made import make_video_dataset


def test_a_remedy_is_told_only_when_it_is_needed():
    assert (make_check("a", "1", True, "do").verdict, make_check("a", "1", True, "do").remedy) == ("pass", "")
    assert (make_check("a", "1", False, "do").verdict, make_check("a", "1", False, "do").remedy) == ("warn", "do")
    assert make_check("a", "1", False, "do", bad=True).verdict == "fail"


def test_frames_are_spread_over_what_is_used(tmp_path):
    data = make_video_dataset(tmp_path / "anna", frames=60, size=32)
    assert spread(data, 4).tolist() == [0, 20, 39, 59]
    data.meta = data.meta.model_copy(update={"left_out": [(0, 30)], "cuts": [30]})
    assert spread(data, 4).tolist() == [30, 40, 49, 59]
    assert len(spread(data, 100)) == 30
