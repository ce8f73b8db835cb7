"""Networks that were pickled whole give their state dict, and claim no more than the file holds."""

from __future__ import annotations

import zipfile

import pytest
import torch

from tasks.weights.read import read_file
from tests.tasks.exchange.foreign import Network, stranger, whole
from utils.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_network_that_was_pickled_whole_gives_its_state_dict(tmp_path, zipped):
    wanted = whole(tmp_path / "x.pth", zipped=zipped)
    found = read_file(tmp_path / "x.pth")
    assert found.kind == "module"
    assert found.extras["class"] == "neuralnet.Published"
    assert list(found.tensors) == list(wanted)
    assert all(torch.equal(found.tensors[name], value) for name, value in wanted.items())


def test_a_network_within_itself_is_refused(tmp_path):
    with stranger("neuralnet", "Published", Network) as Published:
        network = Published()
        network._modules["again"] = network
        torch.save(network, tmp_path / "x.pth")
    with pytest.raises(DataError, match="a network that contains itself"):
        read_file(tmp_path / "x.pth")


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path):
    whole(tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as old, zipfile.ZipFile(tmp_path / "y.pth", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"(K\x04K\x03K\x03K\x03t", b"(K\x04K\x03K\x03K\x04t"))
    with pytest.raises(DataError, match=r"a tensor of shape \(4, 3, 3, 4\) larger than its data"):
        read_file(tmp_path / "y.pth")
