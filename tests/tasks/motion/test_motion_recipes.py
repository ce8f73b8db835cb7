"""Every motion recipe says at its top how large its network is, how long it takes and what to expect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tasks.registry import task_class
from utils.config.recipe import load_recipe
from utils.config.schema import parse

ROOT = Path(__file__).resolve().parents[3]
RECIPES = [
    path
    for path in sorted((ROOT / "egs/datasets").rglob("*.yaml"))
    if load_recipe(path).values.get("task_cls") in ("syncnet", "lm3d_vae_sync", "postnet")
]


def millions(network) -> float:
    return sum(p.numel() for p in network.parameters()) / 1e6


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT / "egs/datasets")))
def test_the_top_says_size_time_and_what_to_expect(path):
    top = [line for line in path.read_text().splitlines() if line.startswith("# ")]
    recipe = load_recipe(path)
    kind = task_class(recipe.values["task_cls"])
    cfg = parse(kind.schema, recipe.values, path, origins=recipe.origins)
    with torch.device("meta"):
        task = kind(cfg)
    line = next((line for line in top if line.startswith("# Size: ")), "")
    size = re.fullmatch(r"# Size: ([\d.]+) million parameters on ([\w:-]+)(?:, and a critic of ([\d.]+))?\.", line)
    assert size, "a line '# Size: N million parameters on FEATURE.'"
    assert float(size[1]) == pytest.approx(millions(task.model), abs=0.006)
    assert size[2] == cfg.audio_feature
    if hasattr(task, "disc_model"):
        assert float(size[3]) == pytest.approx(millions(task.disc_model), abs=0.006)
    for word in ("# Time: ", "# Expect: "):
        assert any(line.startswith(word) and len(line) > len(word) + 5 for line in top), f"a line '{word}...'"
