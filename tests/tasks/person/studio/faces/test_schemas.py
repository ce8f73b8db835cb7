"""A request for a face says which way, by which run, of what, and that somebody agreed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.person.studio.faces.schemas import NewFace


def test_runs_are_parts_of_paths_and_nothing_else():
    body = {"family": "voice", "run": "demo/ve_conv", "upload": "0" * 16}
    assert not NewFace(**body).agreed, "nobody agrees by saying nothing"
    for wrong in ({"run": "../x"}, {"run": "a/b/c"}, {"run": "demo/ve conv"}, {"family": "film"}, {"more": 1}):
        with pytest.raises(ValidationError):
            NewFace(**{**body, **wrong})
