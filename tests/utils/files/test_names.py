"""A name is one name in whichever form of Unicode it is typed or lies on the disk."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from utils.files.names import plain_name, present_form

NAME = "José Å 한"
NFC, NFD = (unicodedata.normalize(form, NAME) for form in ("NFC", "NFD"))


def test_both_forms_are_one_name():
    assert NFC != NFD
    assert plain_name(NFC) == plain_name(NFD) == NFC


@pytest.mark.parametrize("there", [NFC, NFD])
@pytest.mark.parametrize("typed", [NFC, NFD])
def test_what_is_there_is_found_in_either_form_and_what_is_new_is_nfc(tmp_path, there, typed):
    (tmp_path / there / "new").mkdir(parents=True)
    assert present_form(tmp_path / typed / "new" / typed) == tmp_path / there / "new" / NFC
    assert present_form(Path("nowhere") / typed) == Path("nowhere") / NFC
    assert present_form(Path("a/../b")) == Path("a/../b")


def test_of_two_persons_that_are_there_the_one_that_is_written_is_meant(tmp_path):
    for name in (NFC, NFD):
        (tmp_path / name).mkdir()
        assert present_form(tmp_path / name) == tmp_path / name
