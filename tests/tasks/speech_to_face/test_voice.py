"""Losses of a voice encoder are 0 where it hears what is seen; what --infer lacks is named."""

from __future__ import annotations

import pytest
import torch

from tasks.speech_to_face.config import VoiceWeights
from tasks.speech_to_face.data import VoiceBatch
from tasks.speech_to_face.ve_conv import VeConvConfig, VeConvTask
from utils.errors import ConfigError, DataError


def task(**settings):
    weights = VoiceWeights(distil=0, decoder=0, contrastive=1)
    return VeConvTask(VeConvConfig(task_cls="ve_conv", width=0.05, feature_dim=4, weights=weights, **settings)).eval()


def test_a_voice_that_gives_the_owners_feature_has_no_loss():
    voice = task(contrastive_temperature=0.01)
    feature = torch.eye(4)
    batch = VoiceBatch(torch.zeros(4, 1), feature, torch.arange(4), torch.arange(4))
    exact = voice._compare(3 * feature, batch)
    assert set(exact) == {"direction", "contrastive"}, "a loss of weight 0 is not computed"
    assert exact["direction"] == pytest.approx(0, abs=1e-6)
    assert exact["contrastive"] == pytest.approx(0, abs=1e-6)
    wrong = voice._compare(feature.roll(1, 0), batch)
    assert wrong["direction"] == pytest.approx(2.0), "squared distance of unit vectors at a right angle"
    assert wrong["contrastive"] > 10


def test_a_stopped_training_stays_stopped():
    first, second = task(early_stopping_patience=1), task(early_stopping_patience=1)
    for figure in (1.0, 2.0, 3.0):
        first.stopper.see(figure)
    second.on_load_extra(first.extra_state())
    assert second.stopper.stopped


def test_what_infer_lacks_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"^Say whose voice: --infer_audio_source_name=voice\.wav$"):
        task().infer()
    missing = task(binary_data_dir=str(tmp_path / "none"))
    with pytest.raises(DataError, match="none"):
        missing.prepare()
