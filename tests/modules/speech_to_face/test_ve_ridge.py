"""Before it learns, the regression is a line through what is measured in deviations."""

from __future__ import annotations

import torch

from modules.speech_to_face.ve_ridge import VoiceRegression


def test_it_begins_as_a_line():
    model = VoiceRegression(3, 2, hidden=4).train()
    model.middle.copy_(torch.tensor([1.0, 2, 3]))
    model.spread.copy_(torch.tensor([2.0, 1, 1]))
    measured = torch.tensor([[3.0, 2, 4]])
    torch.testing.assert_close(model.plain(measured), torch.tensor([[1.0, 0, 1]]))
    torch.testing.assert_close(model(measured), model.straight(torch.tensor([[1.0, 0, 1]])))
    model(measured).sum().backward()
    assert model.bent[-1].weight.grad.any(), "and learns to bend"
