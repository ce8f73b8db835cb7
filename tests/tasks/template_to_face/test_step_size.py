"""The template decoder's step size falls by the published names, and epochs are so many updates."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data_gen.templates.shards import encode
from data_gen.templates.writer import TemplateShardWriter
from tasks.template_to_face.config import TemplateDecoderConfig
from tasks.template_to_face.step_size import StepSize, in_updates
from utils.config.schema import parse
from utils.errors import ConfigError
from utils.faces.recogniser import RecogniserId


def config(**settings):
    return TemplateDecoderConfig(task_cls="template_decoder", **settings)


def test_a_cosine_ends_at_the_smallest_step_size():
    step_size = StepSize(config(lr=1e-3, min_lr=1e-4, max_updates=100))
    assert [step_size.share(update) for update in (0, 50, 100, 900)] == pytest.approx([1, 0.55, 0.1, 0.1])


def test_a_plateau_of_three_validations_leaves_a_fifth_and_never_less_than_the_smallest():
    step_size = StepSize(config(lr=1e-3, min_lr=1e-4, lr_scheduler="StepPlateau"))
    assert not step_size.see(1.0)
    falls = [step_size.see(loss) for loss in (0.9, 0.9, 0.95, 0.91, 2, 2, 2)]
    assert falls == [False, False, False, True, False, False, True]
    assert step_size.share(7) == pytest.approx(0.1), "a fifth of a fifth would be 0.04"


def test_a_cosine_does_not_look_at_losses():
    step_size = StepSize(config(max_updates=10))
    assert not any(step_size.see(1.0) for _ in range(9))


def test_what_a_plateau_knows_is_kept():
    first, second = (StepSize(config(lr_scheduler="StepPlateau")) for _ in range(2))
    for loss in (1, 2, 2, 2, 2):
        first.see(loss)
    second.load(first.state())
    assert second.share(0) == first.share(0) == pytest.approx(0.2)
    assert second.state() == first.state()


def test_a_validation_without_a_gain_changes_the_optimisers_step_at_once():
    step_size = StepSize(config(lr=1e-3, lr_scheduler="StepPlateau"))
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, step_size.share)
    trainer = SimpleNamespace(
        state=SimpleNamespace(fn="fit"), lr_scheduler_configs=[SimpleNamespace(scheduler=scheduler)],
        strategy=SimpleNamespace(reduce=lambda value, reduce_op: value),
    )  # fmt: skip
    rates = []
    for losses in ((4.0, 1.0), (4.0, 1.0), (9.0, 1.0), (9.0, 2.0), (0.5, 0.5)):
        step_size.totals = [(torch.tensor(losses[0]), 1), (torch.tensor(losses[1]), 3)]
        step_size.validated(trainer)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 2e-4, 2e-4])
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(2e-4)


def test_the_smallest_step_size_is_not_larger_than_the_first(tmp_path):
    raw = {"task_cls": "template_decoder", "lr": 1e-4, "min_lr": 1e-3}
    with pytest.raises(ConfigError, match="min_lr has to be lr or smaller"):
        parse(TemplateDecoderConfig, raw, tmp_path / "recipe.yaml")


def test_an_epoch_is_as_many_pairs_as_there_are(tmp_path):
    writer = TemplateShardWriter(tmp_path, RecogniserId(name="little", sha256="a" * 64, width=4))
    jpeg = encode(np.zeros((112, 112, 3), np.uint8))
    writer.write(0, [(f"{i}.jpg", i, jpeg, np.ones(4, np.float32)) for i in range(10)], split="train")
    writer.finish(1)
    here = {"binary_data_dir": str(tmp_path), "batch_size": 4, "num_epochs": 5}
    assert in_updates(config(**here)).max_updates == 15
    assert in_updates(config(**here, max_batches_per_train_epoch=2)).max_updates == 10
    assert in_updates(config(**here, accumulate_grad_batches=2)).max_updates == 8
    assert in_updates(config(num_epochs=5, binary_data_dir=str(tmp_path / "none"))).max_updates == 40_000
