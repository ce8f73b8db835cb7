"""Every outside weight comes from an address that cannot be listened in on, with a licence, and is checked."""

from __future__ import annotations

import pytest

from utils.asset_table import ASSETS


@pytest.mark.parametrize("name", ASSETS)
def test_a_row_says_whence_it_comes_what_for_and_under_which_licence(name):
    asset = ASSETS[name]
    assert asset.names
    assert asset.purpose
    assert asset.licence
    assert all(part.url.startswith("https://") for part in asset.parts)
    assert ("non-commercial" in asset.licence) == (not asset.commercial)
    for digest in (*asset.digests, *(part.sha256 for part in asset.parts if part.sha256)):
        assert len(digest) in (8, 64), "whole, or the part of it that a server writes into the file's name"
        assert set(digest) <= set("0123456789abcdef")


def test_no_two_rows_take_each_others_files():
    names = [name for asset in ASSETS.values() for name in asset.names]
    assert len(names) == len(set(names))


def test_what_no_server_publishes_a_digest_for_has_one_here():
    publish = ("https://huggingface.co/", "https://download.pytorch.org/models/")  # by header, and in the file's name
    for asset in ASSETS.values():
        assert all(part.sha256 or part.url.startswith(publish) for part in asset.parts)
