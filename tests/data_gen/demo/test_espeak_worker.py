from __future__ import annotations

import subprocess
import sys

import pytest

from data_gen.demo.speech import speak
from tests.patience import HANG_S
from utils.errors import DataError


def test_an_unknown_voice_is_named():
    with pytest.raises(DataError, match="no voice 'elvish9'"):
        speak("Hello.", voice="elvish9")


def test_espeak_stays_out_of_this_process():
    code = "import data_gen.demo.speech as s, sys; s.speak('Hi.'); print('espeakng_loader' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_S, check=True)
    assert done.stdout.strip() == "False"
