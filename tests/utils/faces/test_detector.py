"""Importing what a detector is loads none."""

from __future__ import annotations

import sys

from tests.patience import HANG_S


def test_importing_is_light():
    import subprocess

    code = "import sys, utils.faces.detector; print({'dlib', 'mediapipe', 'cv2', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_S, check=True)
    assert done.stdout.strip() == "set()"
