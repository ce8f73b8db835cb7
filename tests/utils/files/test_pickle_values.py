"""Words and keys of what a stranger made are short, whatever it is."""

from __future__ import annotations

import pytest

from utils.files.pickle_values import MAX_NAME, Named, Refused, short_name, single_key, word

ENDLESS: tuple = (1,)
for _ in range(100):
    ENDLESS = (ENDLESS, ENDLESS)


def test_a_word_says_what_a_value_is_and_never_writes_it_out():
    assert [word(value) for value in ("a", 3, Named("torch", "Size"), ENDLESS, [], 1 << 80)] == [
        "a", "3", "torch.Size", "a tuple", "a list", "a int",
    ]  # fmt: skip
    assert len(word("a" * 10_000)) == MAX_NAME


def test_a_key_is_one_value():
    assert [single_key(value) for value in ("a", 3, 0.5, None, b"x")] == ["a", 3, 0.5, None, b"x"]
    for value, said in ((ENDLESS, "a key that is a tuple"), (frozenset(), "a frozenset"), (1 << 64, "without end")):
        with pytest.raises(Refused, match=said):
            single_key(value)


def test_a_name_has_an_end():
    assert str(short_name("torch", "Size")) == "torch.Size"
    with pytest.raises(Refused, match="a name without end"):
        short_name("a" * 600, "b" * 600)
