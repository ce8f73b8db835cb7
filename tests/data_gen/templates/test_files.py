"""Templates are read from the files that people have."""

from __future__ import annotations

import json

import numpy as np
import pytest

from data_gen.templates.files import read_templates
from utils.errors import ConfigError, DataError
from utils.faces.recogniser import RecogniserId


def test_templates_are_read_from_numbers_and_never_from_pickles(tmp_path):
    wanted = RecogniserId(name="little", sha256="a" * 64, width=3)
    (tmp_path / "a.csv").write_text("anna,1,2,3\nben,4,5,6\n")
    names, values = read_templates(tmp_path / "a.csv", wanted)
    assert names == ["anna", "ben"]
    assert values.tolist() == [[1, 2, 3], [4, 5, 6]]
    (tmp_path / "a.b64").write_text("AACAPwAAAEAAAEBA")
    assert read_templates(tmp_path / "a.b64", wanted)[1].tolist() == [[1, 2, 3]]
    np.save(tmp_path / "wide.npy", np.ones((2, 4)))
    with pytest.raises(DataError, match="little gives 3 numbers"):
        read_templates(tmp_path / "wide.npy", wanted)
    (tmp_path / "a.pkl").write_bytes(b"")
    with pytest.raises(DataError, match="Pickles are not read"):
        read_templates(tmp_path / "a.pkl", wanted)
    (tmp_path / "a.csv.json").write_text(json.dumps({"recogniser": {"name": "b", "sha256": "b" * 64, "width": 3}}))
    with pytest.raises(ConfigError, match="mean nothing to another"):
        read_templates(tmp_path / "a.csv", wanted)
