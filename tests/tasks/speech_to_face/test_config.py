"""Settings that were renamed are refused where a person writes them, and read where a run saved them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks import run
from tasks.speech_to_face.face_decoder import FaceDecoderConfig
from tasks.speech_to_face.ve_conv import VeConvConfig
from utils.config.schema import parse, with_present_names
from utils.errors import ConfigError


def test_a_former_name_in_a_recipe_names_the_present_one():
    raw = {"task_cls": "ve_conv", "infer_audio": "a.wav", "infer_out": "a.png"}
    with pytest.raises(ConfigError) as error:
        parse(VeConvConfig, raw, Path("mine.yaml"))
    assert str(error.value) == (
        "mine.yaml: 2 setting(s) to mend\n"
        "  infer_audio: no such setting; write 'infer_audio_source_name'\n"
        "  infer_out: no such setting; write 'infer_out_image_name'"
    )


TYPED = "infer_out=a.png"


@pytest.mark.parametrize("words", [[f"--{TYPED}"], ["--set", TYPED], ["--hparams", TYPED]])
def test_a_former_name_that_is_typed_names_the_present_one(words):
    recipe = "--config=egs/datasets/face_voice/face_decoder.yaml"
    with pytest.raises(ConfigError) as error:
        run.main([recipe, "--exp_name=x", *words])
    assert str(error.value) == "--infer_out: no such setting; write 'infer_out_image_name'"


def test_a_run_that_was_trained_before_is_still_read():
    saved = {"task_cls": "ve_conv", "infer_audio": "", "infer_out": "infer_out/anna.png"}
    assert parse(VeConvConfig, saved, Path("checkpoints/x/config.yaml")).infer_out_image_name == "infer_out/anna.png"
    origins = dict.fromkeys(saved, Path("checkpoints/x/config.yaml"))
    assert parse(VeConvConfig, saved, Path("mine.yaml"), origins=origins).infer_out_image_name == "infer_out/anna.png"
    assert with_present_names(FaceDecoderConfig, {"infer_out": "a.png", "size": 32}) == {
        "infer_out_image_name": "a.png", "size": 32,
    }  # fmt: skip
