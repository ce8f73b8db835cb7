"""A contact sheet has a column for each input, and shows as many persons as there is room for."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.verdicts.sheet import face_sheet, one_of_each, spread_out


def test_inputs_stand_beside_each_other_with_their_names():
    red, blue = (np.full((20, 20, 3), colour, np.uint8) for colour in ((250, 0, 0), (0, 0, 250)))
    sheet = face_sheet(["anna a.wav", "ben b.wav"], {"real": [red, red], "made": [blue, blue]}, side=40)
    assert sheet.shape[1] == 3 * 40 + 2 * 4
    upper, lower = np.array_split(sheet, 2)
    assert (upper[-10, 60], upper[-10, 100], lower[-10, 60]) == (
        pytest.approx((250, 0, 0)), pytest.approx((250, 0, 0)), pytest.approx((0, 0, 250)),
    )  # fmt: skip
    assert (upper[:14, 44:] < 200).any(), "the names are written above"
    with pytest.raises(ValueError, match="made: 1 pictures for 2 names"):
        face_sheet(["a", "b"], {"made": [red]})


def test_persons_are_chosen_evenly():
    assert spread_out(100, 3).tolist() == [0, 50, 99]
    assert spread_out(2).tolist() == [0, 1]
    assert one_of_each(np.array([7, 7, 3, 3, 9])).tolist() == [0, 2, 4]
    assert len(one_of_each(np.arange(100))) == 8
