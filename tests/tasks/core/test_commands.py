"""What is written is never what is read."""

from __future__ import annotations

import pytest

from tasks.core.commands import refuse_inputs_as_outputs
from utils.errors import ConfigError


@pytest.mark.parametrize(
    ("source", "out"),
    [("voice.wav", "voice.wav"), ("faces", "faces"), ("talk.mp4", "talk"), ("talk.npy", "talk"), ("a.png", "a.txt")],
)
def test_an_output_that_is_the_input_is_refused_whatever_is_appended_to_its_name(tmp_path, source, out):
    (tmp_path / source).write_bytes(b"precious")
    settings = {"infer_source": str(tmp_path / source), "infer_out_dir": str(tmp_path / out)}
    with pytest.raises(ConfigError, match="--infer_out_dir"):
        refuse_inputs_as_outputs(settings)


def test_other_names_and_empty_ones_pass(tmp_path):
    (tmp_path / "voice.wav").write_bytes(b"")
    settings = {"infer_source": str(tmp_path / "voice.wav"), "infer_out_dir": str(tmp_path / "out"), "infer_seed": 3}
    refuse_inputs_as_outputs(settings)
    refuse_inputs_as_outputs({"infer_source": "", "infer_out_dir": ""})
