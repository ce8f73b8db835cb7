"""YAML that could mean two things is refused with its line."""

from __future__ import annotations

import pytest

from utils.config.strict_yaml import read_yaml, read_yaml_file
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: caf\xe9\n", "it cannot be read as text"),
        (b"[" * 3000, "too deep in each other"),
        (b"a: !!timestamp x", "the tag !!timestamp is not used here"),
        (None, "it cannot be read as text .No such file"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_yaml_file(tmp_path / "x.yaml")


def test_a_date_stays_a_text(tmp_path):
    (tmp_path / "x.yaml").write_text("a: 2020-13-45")
    assert read_yaml_file(tmp_path / "x.yaml") == {"a": "2020-13-45"}
