"""Who may ask a page, and what may be sent to it."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.person.page.guard import Refused, is_sound, keys_in_cookies, refuse_stranger
from tests.made import write_tone

NAMES = {"127.0.0.1:8026", "localhost:8026"}


def test_sounds_are_known_by_their_first_bytes(tmp_path):
    assert is_sound(write_tone(tmp_path / "a.wav", np.zeros(100)).read_bytes()[:16])
    for start in (b"ID3\x04", b"\xff\xfb\x90\x64", b"fLaC", b"OggS", b"\0\0\0\x20ftypM4A ", b"\x1aE\xdf\xa3"):
        assert is_sound(start.ljust(16, b"\0"))
    for start in (b"#EXTM3U", b"ffconcat version", b"RIFF....AVI LIST", b"<html>", b"", b"\xff"):
        assert not is_sound(start)


def test_who_has_the_key_and_asks_the_right_name_is_let_in():
    refuse_stranger(NAMES, "localhost:8026", None, "key", ["wrong", "key"])
    refuse_stranger(NAMES, "127.0.0.1:8026", "http://localhost:8026", "key", ["key"])


@pytest.mark.parametrize(("host", "origin", "keys", "said"), [
    ("evil.example", None, ["key"], "127.0.0.1 and localhost only"),
    ("", None, ["key"], "127.0.0.1 and localhost only"),
    ("localhost:8026", "http://evil.example", ["key"], "another site's page"),
    ("localhost:8026", "null", ["key"], "another site's page"),
    ("localhost:8026", None, [], "the page's key"),
    ("localhost:8026", None, ["ke", "\udce4"], "the page's key"),
])  # fmt: skip
def test_strangers_are_refused(host, origin, keys, said):
    with pytest.raises(Refused, match=said) as refused:
        refuse_stranger(NAMES, host, origin, "key", keys)
    assert refused.value.status == 403


def test_a_cookie_is_found_among_odd_ones():
    assert keys_in_cookies(["a=1; vizeme-1=two=2 ; {}", "vizeme-1=three"], "vizeme-1") == ["two=2", "three"]
