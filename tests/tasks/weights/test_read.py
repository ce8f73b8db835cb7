"""Strangers' files are read as data: nothing in them is run, and what cannot be read is refused in one line."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modules.onnx.export import GraphBuilder
from modules.onnx.format import write_onnx
from tasks.weights.read import ForeignFile, read_file
from tests.tasks.exchange.foreign import whole
from utils.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")


class Call:
    """Pickled, it asks its reader to call something."""

    def __init__(self, called: object, *arguments: object) -> None:
        self.called, self.arguments = called, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.called, self.arguments


@pytest.mark.parametrize("zipped", [True, False])
def test_containers_are_walked_and_what_is_no_tensor_is_told(tmp_path, zipped):
    torch.save({
        "epoch": 3, "loss": np.float64(2.5), "model": {"weight": torch.arange(6.0).reshape(2, 3).T},
        "rows": np.arange(4, dtype=np.int32), "flipped": np.arange(3.0)[::-1].copy().astype(">f4"),
        "params": [{"lr": 0.1, "steps": torch.tensor(7)}], "betas": (0.5, 0.9),
    }, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)  # fmt: skip
    found = read_file(tmp_path / "x.pth")
    assert found.kind == "torch"
    assert found.tensors["model.weight"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found.tensors["rows"].tolist() == [0, 1, 2, 3]
    assert found.tensors["flipped"].tolist() == [2, 1, 0]
    assert found.tensors["params.0.steps"] == 7
    assert found.extras == {"epoch": 3, "loss": 2.5, "params.0.lr": 0.1, "betas": (0.5, 0.9)}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["alone", "in a network", "in a dict"])
@pytest.mark.parametrize(
    ("call", "name"),
    [(Call(os.system, "touch ran"), "posix.system"), (Call(eval, "open('ran', 'w')"), "builtins.eval"),
     (Call(Path, "ran"), "pathlib"), (Call(nn.Linear, 2, 2), "torch.nn.modules.linear.Linear")],
)  # fmt: skip
def test_a_file_that_asks_for_a_call_is_refused_by_its_name(tmp_path, monkeypatch, zipped, place, call, name):
    monkeypatch.chdir(tmp_path)
    if place == "in a network":
        whole(tmp_path / "x.pth", zipped=zipped, more=call)
    else:
        content = call if place == "alone" else {"weight": torch.zeros(1), "more": [call]}
        torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=rf"cannot be imported: it holds a call of {name}.*Nothing of it was run"):
        read_file(tmp_path / "x.pth")
    assert not (tmp_path / "ran").exists()


def with_pickle(path: Path, pickle: bytes) -> Path:
    """Write a torch file around a pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
    return path


def test_containers_too_deep_in_each_other_are_refused(tmp_path):
    nested: list = [torch.zeros(1)]
    for _ in range(60):
        nested = [nested]
    torch.save(nested, tmp_path / "x.pth")
    with pytest.raises(DataError, match="too deep"):
        read_file(tmp_path / "x.pth")
    wide: list = [torch.zeros(1)]
    for _ in range(12):
        wide = [wide] * 10
    torch.save(wide, tmp_path / "x.pth")
    with pytest.raises(DataError, match="too many"):
        read_file(tmp_path / "x.pth")


def test_few_bytes_do_not_become_many_numbers(tmp_path):
    torch.save({"weight": torch.zeros(1).expand(10**9)}, tmp_path / "x.pth")
    with pytest.raises(DataError, match="tensors up to weight claim more numbers than the file holds"):
        read_file(tmp_path / "x.pth")
    torch.save({"weight": torch.zeros(10**6)}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as old, zipfile.ZipFile(tmp_path / "bomb.pth", "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(DataError, match="its parts are compressed"):
        read_file(tmp_path / "bomb.pth")
    torch.save({"weight": torch.zeros(70_000)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "old.pth").read_bytes()
    (tmp_path / "old.pth").write_bytes(data.replace((70_000).to_bytes(4, "little"), (2**28).to_bytes(4, "little")))
    with pytest.raises(DataError, match="tensors larger than itself"):
        read_file(tmp_path / "old.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"weights of my network\n1.0 2.0\n", "is a text file, not a torch, safetensors, Keras or ONNX checkpoint"),
        (b"<!DOCTYPE html><html>Google Drive can't scan this file", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"\xff\xd8\xff\xe0 a photo", "of a kind that is not read here"),
        (b"\x80\x04\x95\x00", "damaged"),
        (b"\x80\x02}.", "a pickle that is damaged|not of torch.save"),
        (b"PK\x03\x04 not a zip", "ends early or is damaged"),
        (b"\x89HDF\r\n\x1a\n no more", "cannot be imported"),
        (b"\x08\x07\x12\x05torch", "it holds no graph"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, said):
    path = tmp_path / "model_ckpt_steps_40000.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_file(path)


def test_programs_and_other_archives_are_refused(tmp_path):
    for name, said in (("x/constants.pkl", "TorchScript program"), ("word/document.xml", "not one that torch made")):
        with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
            archive.writestr(name, b"..")
        with pytest.raises(DataError, match=said):
            read_file(tmp_path / "x.pt")
    with pytest.raises(DataError, match="does not exist"):
        read_file(tmp_path / "nowhere.pt")
    with pytest.raises(DataError, match="is a folder"):
        read_file(tmp_path)


def small_files(folder: Path) -> list[Path]:
    """Write one small file of each kind."""
    h5py = pytest.importorskip("h5py")
    torch.save({"epoch": 1, "model": {"weight": torch.arange(50.0)}}, folder / "zip.pth")
    torch.save({"model": {"weight": torch.arange(50.0)}}, folder / "old.pth", _use_new_zipfile_serialization=False)
    whole(folder / "whole.pth")
    whole(folder / "whole_old.pth", zipped=False)
    save_file({"weight": torch.arange(50.0)}, folder / "x.safetensors")
    builder = GraphBuilder()
    x = builder.layer(nn.Linear(3, 4), "input")
    graph = builder.graph({"input": ("batch", 3)}, {"output": (x, ("batch", 4))})
    (folder / "x.onnx").write_bytes(write_onnx(graph))
    with h5py.File(folder / "x.h5", "w") as file:
        file.attrs["layer_names"] = ["fc"]
        file.create_group("fc").attrs["weight_names"] = ["fc/kernel:0"]
        file["fc/fc/kernel:0"] = np.arange(50.0)
    return sorted(folder.iterdir())


def refusal(path: Path) -> str:
    """Return why a file is not read; nothing when it is."""
    try:
        read_file(path)
    except DataError as error:
        return str(error)
    return ""


def test_every_kind_is_read_and_none_that_is_cut_or_damaged_breaks_the_reader(tmp_path):
    rng = np.random.default_rng(0)
    for path in small_files(tmp_path):
        assert isinstance(read_file(path), ForeignFile)
        data = path.read_bytes()
        cut = tmp_path / "cut"
        few = path.suffix == ".h5"  # each reading takes a process
        for length in np.linspace(1, len(data) - 1, 2 if few else 12).astype(int):
            cut.write_bytes(data[:length])
            with pytest.raises(DataError):
                read_file(cut)
        for _ in range(2 if few else 40):
            changed = bytearray(data)
            for place in rng.integers(0, len(data), 3):
                changed[place] = rng.integers(0, 256)
            cut.write_bytes(changed)
            said = refusal(cut)
            assert not said or str(cut) in said
            assert len(said) < 500
