"""YAML that could mean two things is refused with its line."""

from __future__ import annotations

import pytest

from utils.config.strict_yaml import read_yaml
from utils.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr: 1\nlr: 2\n", "x line 2: 'lr' is given twice"),
        ("a: &x 1\nb: *x\n", "x line 2: anchors and aliases are not used here"),
        ("1: 2\n", "x line 1: the key 1 is not a name"),
        ("a: !!python/object:os.system x\n", "x line 1: the tag !!python/object:os.system is not used here"),
        ("a: [1\n", "x line 2: expected ',' or ']'"),
    ],
)
def test_bad_yaml_is_refused_with_its_line(text, message):
    with pytest.raises(ConfigError) as error:
        read_yaml(text, "x")
    assert str(error.value).startswith(message)
