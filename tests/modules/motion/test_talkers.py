"""A talker's vector tunes the common network for him alone; a stranger has the common network."""

from __future__ import annotations

import torch

from modules.motion.lm3d_vae import SpeechToLandmarks
from modules.motion.talkers import STRANGER, Talkers, forget
from tests.modules.motion.published import mask_of


def test_everybody_begins_as_a_stranger_and_a_stranger_stays_one():
    torch.manual_seed(0)
    talkers = Talkers(3, 4, width=8, blocks=2)
    numbers = torch.tensor([0, STRANGER, 2])
    assert talkers(numbers).shape == (2, 2, 3, 8, 1)
    assert talkers(numbers).abs().max() == 0
    torch.nn.init.normal_(talkers.tune.weight)
    tuning = talkers(numbers)
    assert tuning[:, :, 1].abs().max() == 0
    assert (tuning[:, :, 0] != tuning[:, :, 2]).all()


def test_a_talkers_vector_is_taught_by_his_own_windows_alone():
    torch.manual_seed(0)
    model = SpeechToLandmarks(7, hidden=16, condition=8, layers=(2, 2), direct=8, talkers=3, talker_size=4).eval()
    assert model.talkers is not None
    assert model.direct is not None
    torch.nn.init.normal_(model.talkers.tune.weight)
    torch.nn.init.normal_(model.direct.last.weight)
    audio, mask = torch.randn(3, 40, 7), mask_of(3, 20)
    landmarks = torch.zeros(3, 20, 68, 3)
    likely = model(audio, landmarks, mask, None, torch.tensor([0, STRANGER, 0])).likely
    common = model(audio, landmarks, mask).likely
    assert likely is not None
    assert common is not None
    assert torch.allclose(likely[1], common[1], atol=1e-6)
    assert (likely[0] - common[0]).abs().max() > 0.01
    assert torch.equal(common, model.likely(audio, mask))
    likely.square().sum().backward()
    gradient = model.talkers.vectors.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(dim=1) > 0).tolist() == [True, False, False]


def test_a_share_of_the_windows_is_learnt_as_strangers():
    torch.manual_seed(0)
    talker = torch.arange(1000) % 5
    forgotten = forget(talker, 0.3) == STRANGER
    assert 0.25 < forgotten.float().mean() < 0.35
    assert torch.equal(forget(talker, 0.0), talker)
