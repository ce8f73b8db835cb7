"""Settings of the command line."""

from __future__ import annotations

import pytest

from utils.config.assignments import assignment, set_dotted, split_hparams
from utils.errors import ConfigError


def test_command_line_values_keep_commas_in_brackets():
    assert split_hparams("a=1,b=[1, 2],c='x,y', d={p: 1, q: 2}") == ["a=1", "b=[1, 2]", "c='x,y'", "d={p: 1, q: 2}"]
    assert assignment("b=[1, 2]") == ("b", [1, 2])
    assert assignment("lr=5e-4") == ("lr", 5e-4)
    assert assignment("name=a=b") == ("name", "a=b")
    with pytest.raises(ConfigError, match="'lr' is not a setting; write name=value"):
        assignment("lr")


def test_dotted_names_reach_inside_without_touching_the_source():
    inner = {"velocity": 1.0}
    values = {"weights": inner}
    set_dotted(values, "weights.velocity", 9.0)
    assert values == {"weights": {"velocity": 9.0}}
    assert inner == {"velocity": 1.0}
