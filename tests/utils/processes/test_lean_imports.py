"""Lightning is imported without metrics that nobody asks for, and has what it needs."""

from __future__ import annotations

import sys

import pytest

import tasks.core.task  # noqa: F401 (which imports Lightning)
from utils.processes.lean_imports import PACKAGE, lean_imports


def test_lightning_has_the_classes_that_it_needs_and_no_metric_beside_them():
    import torchmetrics
    from pytorch_lightning.core import module

    assert torchmetrics.Metric is module.Metric
    assert torchmetrics.Metric.__module__ == "torchmetrics.metric"
    assert torchmetrics.MetricCollection.__name__ == "MetricCollection"
    assert torchmetrics.__version__[0].isdigit()
    assert f"{PACKAGE}.functional" not in sys.modules
    with pytest.raises(AttributeError, match="imported without its metrics here and has no 'Accuracy'"):
        _ = torchmetrics.Accuracy


def test_it_is_set_up_once():
    finders = len(sys.meta_path)
    lean_imports()
    lean_imports()
    assert len(sys.meta_path) <= finders + 1
    del sys.meta_path[: len(sys.meta_path) - finders]
