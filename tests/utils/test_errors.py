"""The nearest name is the one that was meant, and what went wrong fits in a line."""

from __future__ import annotations

from utils.errors import AssetError, ConfigError, DataError, UserError, first_line, nearest


def test_a_slip_is_near_and_another_word_is_not():
    assert nearest("velocty", ["position", "velocity"]) == "velocity"
    assert nearest("zebra", ["position", "velocity"]) is None


def test_every_refusal_is_the_users_to_mend():
    assert all(issubclass(kind, UserError) for kind in (ConfigError, DataError, AssetError))


def test_what_went_wrong_fits_in_a_line():
    assert first_line(ValueError("\n  no such key\nat line 3")) == "no such key"
    assert first_line(KeyError()) == "KeyError"
