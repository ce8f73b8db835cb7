"""Keras files are listed by another process, and never lead outside themselves."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.weights.read import read_file
from utils.errors import DataError


def test_a_keras_file_that_leads_outside_itself_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel:0"] = np.arange(3.0)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = ["fc"]
        file.create_group("fc").attrs["weight_names"] = ["kernel:0"]
        file["fc/kernel:0"] = h5py.ExternalLink("secret.h5", "kernel:0")
    with pytest.raises(DataError, match="kernel:0 is missing, or a link"):
        read_file(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = ["fc"]
        file.create_group("fc").attrs["weight_names"] = ["kernel:0"]
        file["fc"].create_dataset("kernel:0", (10**9,), "f4", chunks=True)
    with pytest.raises(DataError, match="kernel:0 is empty or compressed"):
        read_file(tmp_path / "x.h5")


def test_numbers_that_torch_has_not_and_names_without_end_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = ["fc"]
        file.create_group("fc").attrs["weight_names"] = ["kernel:0"]
        file["fc/kernel:0"] = np.arange(3, dtype=np.longdouble)
    with pytest.raises(DataError, match="kernel:0 is not an array of numbers"):
        read_file(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = ["f" * 5000]
    with pytest.raises(DataError, match="its layer_names have no end"):
        read_file(tmp_path / "x.h5")
