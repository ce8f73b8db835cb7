"""A person's dataset is read as data, and gives its scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.import_checkpoint import main
from utils.errors import DataError


class Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harm.txt"),))


def test_a_dataset_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("trainval_dataset.npy", {"bg_img": Harmful()}, allow_pickle=True)
    with pytest.raises(DataError, match=r"cannot be imported: it holds a call of pathlib.*Nothing of it was run"):
        main(["trainval_dataset.npy"])
    np.save("numbers.npy", np.zeros((3, 4)))
    with pytest.raises(DataError, match=r"is an array \(3, 4\) of float64, not a dataset"):
        main(["numbers.npy"])
    np.save("other.npy", {"bg_img": np.zeros(3)}, allow_pickle=True)
    with pytest.raises(DataError, match="it lacks idexp_lm3d_mean, idexp_lm3d_std, focal, train_samples"):
        main(["other.npy"])
    assert not Path("harm.txt").exists()
