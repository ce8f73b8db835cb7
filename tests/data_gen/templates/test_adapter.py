"""Templates of one recogniser are brought to another's space."""

from __future__ import annotations

import numpy as np

from data_gen.templates import adapter


def test_an_adapter_finds_a_linear_map():
    rng = np.random.default_rng(0)
    x, a, b = rng.normal(size=(50, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    weight, bias = adapter.fit(x.astype(np.float32), (x @ a + b).astype(np.float32))
    np.testing.assert_allclose(weight, a, atol=1e-4)
    np.testing.assert_allclose(bias, b, atol=1e-4)
