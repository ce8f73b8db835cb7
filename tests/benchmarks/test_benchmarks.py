"""The two benchmarks of training run, on their smallest rows."""

import pytest

from tests.benchmarks.bf16 import PRECISIONS, TRIALS, House
from tests.benchmarks.step_rows import ROWS
from tests.benchmarks.train_steps import line, measure


def test_a_step_is_timed_as_it_is_trained():
    found = measure("wav2pix_64", "32", 1)
    row = ROWS["wav2pix_64"]
    assert row.original is not None
    assert found["parameters"] == row.original.parameters
    assert 0.05 < found["seconds"] < 60
    assert found["memory"] > 300
    text = line("wav2pix_64", row, "32", {**found, "seconds": 0.62}, keep=True)
    assert text.startswith("| wav2pix_64 | 32 | 0.62 | 25.8 faces | 18,118,310 |")
    assert text.endswith("| 1.24 | 2.00 | 910 |")


@pytest.mark.parametrize("name", ["wav2pix", "syncnet"])
def test_precisions_are_compared_on_the_same_data(name, tmp_path):
    house = House(tmp_path, 4, None)
    found = {precision: house.train(name, precision, 1) for precision in PRECISIONS}
    figure = TRIALS[name].shown[0]
    assert found["32"][figure] == pytest.approx(found["bf16"][figure], rel=0.1)
    assert found["32"][figure] != found["bf16"][figure]
    assert house.train(name, "32", 1) == found["32"], "what is trained is not trained again"
