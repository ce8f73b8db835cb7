"""A package answers with a few names before it is imported, and with all once it is."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from tasks.core.task import Task
from utils.paths import ROOT
from utils.processes.quick_imports import METRICS, hold_back


@pytest.fixture
def package(tmp_path, monkeypatch) -> str:
    """Write a package whose `__init__` notes that it was run."""
    folder = tmp_path / "dear_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("from dear_package.part import Part\nfrom dear_package import heavy\n")
    (folder / "part.py").write_text("class Part: ...\n")
    (folder / "heavy.py").write_text("WEIGHT = 7\n")
    (folder / "inner").mkdir()
    (folder / "inner/__init__.py").write_text("from dear_package.inner import leaf, other\nWHOLE = True\n")
    (folder / "inner/leaf.py").write_text("from dear_package import part\npart.runs = getattr(part, 'runs', 0) + 1\n")
    (folder / "inner/other.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield "dear_package"
    for name in [name for name in sys.modules if name.split(".")[0] == "dear_package"]:
        del sys.modules[name]


def test_a_name_is_answered_without_the_rest_and_the_rest_when_it_is_asked_for(package):
    hold_back(package, {"Part": lambda: importlib.import_module("dear_package.part").Part})
    from dear_package import Part

    assert "dear_package.heavy" not in sys.modules
    import dear_package

    assert dear_package.heavy.WEIGHT == 7
    assert dear_package.Part is Part
    with pytest.raises(AttributeError):
        dear_package.nothing  # noqa: B018


def test_a_package_within_a_package_comes_whole_when_a_module_of_it_is_imported(package):
    hold_back(f"{package}.inner", {"Part": lambda: 1})
    from dear_package.inner import Part

    assert Part == 1
    assert "dear_package.inner.leaf" not in sys.modules
    assert not hasattr(sys.modules["dear_package.inner"], "__wrapped__")
    leaf = importlib.import_module("dear_package.inner.leaf")
    assert sys.modules["dear_package.inner"].WHOLE
    assert sys.modules["dear_package.inner"].leaf is leaf is sys.modules["dear_package.inner.leaf"]
    assert leaf.part.runs == 1
    assert importlib.import_module("dear_package.inner.other") is sys.modules["dear_package.inner"].other


def test_what_is_imported_or_not_there_is_left_alone(package):
    module = importlib.import_module(package)
    hold_back(package, {"Part": lambda: None})
    assert sys.modules[package] is module
    assert module.Part is not None
    hold_back("no_such_package", {})
    assert "no_such_package" not in sys.modules


def test_training_waits_for_no_metrics_and_their_classes_are_the_true_ones():
    """Nothing here or in the code asks for more of torchmetrics, so it is not there in this process either."""
    from pytorch_lightning import LightningModule
    from pytorch_lightning.utilities.types import Metric
    from torchmetrics.collections import MetricCollection
    from torchmetrics.metric import Metric as WhereItLies

    assert issubclass(Task, LightningModule)
    assert "torchmetrics.functional" not in sys.modules
    assert METRICS["Metric"]() is WhereItLies is Metric
    assert METRICS["MetricCollection"]() is MetricCollection
    assert METRICS["__version__"]()[0].isdigit()


def test_what_is_trained_waits_for_no_compiler_and_what_is_compiled_gets_it():
    lines = """
import sys, tasks.core, torch
from tasks.core.task import Task
network = torch.nn.Linear(2, 1)
optimiser = torch.optim.Adam(network.parameters())
network(torch.ones(1, 2)).sum().backward()
optimiser.step()
optimiser.zero_grad()
assert "torch._dynamo.eval_frame" not in sys.modules
from torchmetrics.aggregation import MeanMetric
assert "matplotlib.axes" not in sys.modules
mean = MeanMetric()
mean.update(1.0)
import matplotlib
matplotlib.use("agg")
assert mean.plot()[1].get_ylabel() == "MeanMetric"
import torch._dynamo.config
assert torch._dynamo.config is sys.modules["torch._dynamo.config"] and torch._dynamo.config.verbose is False
assert torch.compile(network, backend="eager")(torch.ones(1, 2)).shape == (1, 1)
"""
    subprocess.run([sys.executable, "-c", lines], check=True, cwd=ROOT)
