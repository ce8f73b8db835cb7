"""What `utils.faces.detector` promises, on the portrait that scikit-image brings."""

from __future__ import annotations

import pytest

from utils.errors import ConfigError
from utils.faces.detectors import make_detector


def test_auto_takes_dlib_when_mediapipes_weights_are_not_here(monkeypatch):
    monkeypatch.setattr("utils.assets.find_asset", lambda name: None)
    assert make_detector("auto").name == "dlib"


def test_a_typo_is_named():
    with pytest.raises(ConfigError) as error:
        make_detector("mediapip")
    assert str(error.value) == (
        "No landmark detector is called 'mediapip'. Did you mean 'mediapipe'? "
        "Known: auto, mediapipe, face_alignment, dlib."
    )
