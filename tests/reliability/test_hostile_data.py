"""What lies on the disk between two commands is believed only as far as its checksums go."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks.core.checkpoints import read_checkpoint, read_index
from tasks.core.loading import load_task
from tasks.core.trainer import train
from tasks.weights.read import read_file
from tests.made_faces import make_recogniser
from tests.reliability.hostile import Table, flipped, sweep, truncated
from tests.reliability.hostile_data import INDEX_FILES, KINDS, read_clips, read_persons, read_video
from tests.tasks.toy import ToyConfig, ToyTask

STORED, CHECKPOINTS, STRANGERS = "datasets on the disk", "checkpoints", "other projects' checkpoints"


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Make one dataset of each kind."""
    folder = tmp_path_factory.mktemp("stored")
    for name, (make, _, _) in KINDS.items():
        make(folder / name)
    return folder


def same(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def spoil(table: Table, stored: Path, kind: str, pattern: str, change: Callable[[bytes], bytes], seed: int) -> Path:
    """Copy a dataset and change one of its files; return that."""
    shutil.copytree(stored / kind, table.folder / kind)
    files = sorted((table.folder / kind).glob(pattern))
    file = files[seed % len(files)]
    file.write_bytes(change(file.read_bytes()))
    return file


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_of_numbers_are_noticed(table, stored, kind, seed):
    """One flipped byte anywhere: it is found, or it stood where nothing is read and all that is read is as it was."""
    _, read, pattern = KINDS[kind]
    file = spoil(table, stored, kind, pattern, lambda data: flipped(data, seed), seed)
    found = table.reads(STORED, lambda: read(table.folder / kind), name=file.name)
    assert found is None or same(found, read(stored / kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_in_the_last_number_is_noticed(table, stored, kind):
    """The place that a reader of lengths and headers does not see."""
    _, read, pattern = KINDS[kind]
    file = spoil(table, stored, kind, pattern, lambda data: data[:-1] + bytes([data[-1] ^ 1]), 0)
    table.read_refuses(STORED, lambda: read(table.folder / kind), says=file.name)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_numbers_that_is_cut_off_is_noticed(table, stored, kind, share):
    _, read, pattern = KINDS[kind]
    file = spoil(table, stored, kind, pattern, lambda data: truncated(data, share), int(1000 * share))
    table.read_refuses(STORED, lambda: read(table.folder / kind), says=file.name)


HEADERS: dict[str, bytes] = {
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header of nothing": struct.pack("<Q", 0),
    "a header that is a list": struct.pack("<Q", 2) + b"[]",
    "a header that is a number": struct.pack("<Q", 1) + b"1",
    "a header 50,000 deep": struct.pack("<Q", 50_000) + b"[" * 50_000,
    "a header of rubbish": struct.pack("<Q", 8) + b"\xff" * 8,
    "a shape below zero": b'{"0/landmarks":{"dtype":"F32","shape":[-1,68,3],"data_offsets":[0,0]}}',
    "a shape of words": b'{"0/landmarks":{"dtype":"F32","shape":["a"],"data_offsets":[0,0]}}',
    "a shape beyond all": b'{"0/landmarks":{"dtype":"F32","shape":[9000000000,68,3],"data_offsets":[0,8]}}',
    "a place before the file": b'{"0/landmarks":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}',
    "a single number": b'{"0/landmarks":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
    "an unknown type": b'{"0/landmarks":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}',
    "an entry without a place": b'{"0/landmarks":{"dtype":"F32","shape":[1]}}',
    "checksums of rubbish": b'{"__metadata__":{"crc32":"x"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    "checksums that are a list": b'{"__metadata__":{"crc32":"[1]"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies(table, stored, name):
    data = HEADERS[name]
    whole = data if not data.startswith(b"{") else struct.pack("<Q", len(data)) + data + bytes(16)
    for kind, read in (("clips", read_clips), ("face_voice", read_persons), ("video", read_video)):
        file = spoil(table, stored, kind, "*.safetensors", lambda _: whole, 0)
        if kind == "video":
            file = file.with_name("motion.safetensors")
            file.write_bytes(whole)
            file.with_name("audio.safetensors").write_bytes((stored / "video/audio.safetensors").read_bytes())
        table.read_refuses(STORED, lambda read=read, kind=kind: read(table.folder / kind), says=file.name)


def test_another_type_of_the_same_width_is_noticed(table, stored):
    """One letter of a header makes whole numbers of fractions."""
    for kind, old in (("face_voice", b'"F32"'), ("video", b'"F32"'), ("templates", b'"F32"')):
        spoil(table, stored, kind, "*.safetensors", lambda data, old=old: data.replace(old, b'"I32"'), 0)
        if kind == "video":
            file = table.folder / kind / "motion.safetensors"
            file.write_bytes(file.read_bytes().replace(b'"F32"', b'"I32"'))
        table.read_refuses(STORED, lambda kind=kind: KINDS[kind][1](table.folder / kind), says="safetensors is damaged")


def test_checksums_that_were_renamed_are_missed(table, stored):
    spoil(table, stored, "clips", "*.safetensors", lambda data: data.replace(b"crc32", b"crc33"), 0)
    table.read_refuses(STORED, lambda: read_clips(table.folder / "clips"), says="its checksums are missing")


INDEXES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "half of it": lambda data: data[: len(data) // 2],
    "rubbish": lambda _: bytes(range(256)),
    "null": lambda _: b"null",
    "a list": lambda _: b"[]",
    "a mapping of nothing": lambda _: b"{}",
    "100,000 brackets": lambda _: b"[" * 100_000,
    "another format": lambda data: data.replace(b"vizeme-", b"other-"),
    "a strange key": lambda data: data.replace(b"{", b'{"strange": 1,', 1),
    "NaN": lambda data: data.replace(b"1", b"NaN", 1),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "a lone surrogate": lambda data: data.replace(b'": "', b'": "\xed\xa0\x80', 1),
}


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_is_none(table, stored, kind, name):
    spoil(table, stored, kind, INDEX_FILES[kind], INDEXES[name], 0)
    table.read_refuses(STORED, lambda: KINDS[kind][1](table.folder / kind), says=INDEX_FILES[kind])


LIES: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "more frames than there are": ("clips", lambda d: d["clips"][0].update(frames=10_000)),
    "a shard that is not there": ("clips", lambda d: d["clips"][0].update(shard="clips-00009.safetensors")),
    "a key that is not there": ("clips", lambda d: d["clips"][0].update(key="77")),
    "frames below one": ("clips", lambda d: d["clips"][0].update(frames=0)),
    "more pairs than there are": ("templates", lambda d: d["shards"][0].update(count=1000)),
    "a count that is text": ("templates", lambda d: d["shards"][0].update(count="many")),
    "more voices than there are": ("face_voice", lambda d: d["persons"][0]["clips"].extend(["x"] * 50)),
    "a person in no split": ("face_voice", lambda d: d["persons"][0].update(split="none")),
    "more faces than there are": ("wav2pix", lambda d: d["counts"].update(train=1000)),
    "no counts": ("wav2pix", lambda d: d["counts"].clear()),
    "another size": ("wav2pix", lambda d: d.update(image_size=31)),
    "speakers that are missing": ("wav2pix", lambda d: d["speakers"].pop()),
    "more frames of video": ("video", lambda d: d.update(frames=10_000)),
    "no height": ("video", lambda d: d.update(height=0)),
    "a validation that begins nowhere": ("video", lambda d: d.update(val_start=-5)),
    "a focal length of nothing": ("video", lambda d: d.update(focal_px=0)),
}


@pytest.mark.parametrize("name", LIES)
def test_an_index_that_lies(table, stored, name):
    kind, lie = LIES[name]

    def change(data: bytes) -> bytes:
        told = json.loads(data)
        lie(told)
        return json.dumps(told).encode()

    spoil(table, stored, kind, INDEX_FILES[kind], change, 0)

    def read() -> list[Any]:
        found = KINDS[kind][1](table.folder / kind)
        if name == "more frames than there are":  # what is short is noticed where windows are cut
            from data_gen.clips.corpus import MotionCorpus

            MotionCorpus([table.folder / kind], "mel", "all").whole(50)
        return found

    table.read_refuses(STORED, read)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Train the toy for two checkpoints."""
    folder = tmp_path_factory.mktemp("run")
    train(ToyTask(ToyConfig(task_cls="toy", max_updates=4, val_check_interval=2)), folder)
    return folder


@pytest.mark.parametrize("seed", range(25))
def test_changed_bytes_of_a_checkpoint_are_noticed(toy, table, run_folder, seed):
    data = (run_folder / "model_ckpt_steps_4.ckpt").read_bytes()
    file = table.folder / "model_ckpt_steps_4.ckpt"
    file.write_bytes(flipped(data, seed))
    found = table.reads(CHECKPOINTS, lambda: read_checkpoint(file), name=file.name)
    if found is not None:
        whole = read_checkpoint(run_folder / file.name)
        assert found["vizeme"] == whole["vizeme"]
        assert all(torch.equal(found["state_dict"][name], value) for name, value in whole["state_dict"].items())


def test_a_flipped_bit_of_a_weight_is_noticed(toy, table, run_folder):
    file = table.folder / "model_ckpt_steps_4.ckpt"
    shutil.copy(run_folder / file.name, file)
    with zipfile.ZipFile(file) as archive:
        part = next(part for part in archive.infolist() if "/data/0" in part.filename)
        with archive.open(part) as opened:
            inside = opened.read()
    data = file.read_bytes()
    place = data.index(inside, part.header_offset)
    file.write_bytes(data[: place + 3] + bytes([data[place + 3] ^ 64]) + data[place + 4 :])
    table.read_refuses(CHECKPOINTS, lambda: load_task(file), says="is not what was written")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.25, 0.5, 0.9, 0.999])
def test_a_checkpoint_that_is_cut_off_is_noticed_and_the_one_before_is_used(toy, table, run_folder, share):
    shutil.copytree(run_folder, table.folder / "run")
    file = table.folder / "run" / "model_ckpt_steps_4.ckpt"
    file.write_bytes(truncated(file.read_bytes(), share))
    table.read_refuses(CHECKPOINTS, lambda: read_checkpoint(file), says=file.name)
    task = table.reads(CHECKPOINTS, lambda: load_task(table.folder / "run", "last"))
    assert task is not None
    assert task.updates == 2


TOY = {"updates": 1, "recipe": {"task_cls": "toy"}}
STRANGE_CHECKPOINTS: dict[str, Callable[[], object]] = {
    "a list": lambda: [1, 2],
    "nothing": lambda: None,
    "a tensor": lambda: torch.zeros(3),
    "no weights": lambda: {"vizeme": {}},
    "no recipe": lambda: {"vizeme": {"updates": 1}, "state_dict": {}},
    "a recipe that is a list": lambda: {"vizeme": {"updates": 1, "recipe": [1]}, "state_dict": {}},
    "a recipe without a task": lambda: {"vizeme": {"updates": 1, "recipe": {}}, "state_dict": {}},
    "a recipe of no task": lambda: {"vizeme": {"updates": 1, "recipe": {"task_cls": "none"}}, "state_dict": {}},
    "a recipe of nonsense": lambda: {
        "vizeme": {"updates": 1, "recipe": {"task_cls": "toy", "width": "x"}}, "state_dict": {}
    },
    "a giant's recipe": lambda: {
        "vizeme": {"updates": 1, "recipe": {"task_cls": "toy", "width": 10**15}}, "state_dict": {}
    },
    "weights of nobody": lambda: {"vizeme": TOY, "state_dict": {"x": torch.ones(1)}},
    "weights that are a list": lambda: {"vizeme": TOY, "state_dict": [1]},
    "weights that are numbers": lambda: {"vizeme": TOY, "state_dict": {"model.0.weight": 1.0}},
    "no updates": lambda: {
        "vizeme": {"recipe": {"task_cls": "toy"}}, "state_dict": ToyTask({"task_cls": "toy"}).state_dict()
    },
    "a sparse weight": lambda: {"vizeme": TOY, "state_dict": {"model.0.weight": torch.ones(8, 4).to_sparse()}},
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE_CHECKPOINTS)
def test_a_checkpoint_that_holds_something_else(toy, table, name):
    file = table.folder / "model_ckpt_steps_1.ckpt"
    torch.save(STRANGE_CHECKPOINTS[name](), file)
    table.read_refuses(CHECKPOINTS, lambda: load_task(table.folder))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"a": 1}', '{"4": [1]}', '{"4": {"val/total_loss": "x"}}', "[" * 9999]
)
def test_the_figures_beside_the_checkpoints_may_be_rubbish(toy, table, run_folder, text):
    shutil.copytree(run_folder, table.folder / "run")
    (table.folder / "run" / "checkpoints.json").write_text(text)
    read_index(table.folder / "run")
    task = table.reads(CHECKPOINTS, lambda: load_task(table.folder / "run", "best"))
    assert task is not None


OTHERS = [(kind, seed) for kind in ("torch", "legacy", "safetensors", "onnx") for seed in range(20)]
KERAS = [("keras", seed) for seed in range(4)]
"""Fewer, since a process reads each; the sweep has more."""


@pytest.mark.parametrize(("kind", "seed"), OTHERS + KERAS)
def test_other_projects_checkpoints_with_changed_bytes(table, strangers, kind, seed):
    file = table.folder / f"foreign.{kind}"
    file.write_bytes(flipped(strangers[kind], seed, count=1 + seed % 4))
    table.reads(STRANGERS, lambda: read_file(file), name="foreign.")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["torch", "legacy", "safetensors", "onnx", "keras"])
def test_other_projects_checkpoints_that_are_cut_off(table, strangers, kind, share):
    file = table.folder / f"foreign.{kind}"
    file.write_bytes(truncated(strangers[kind], share))
    table.reads(STRANGERS, lambda: read_file(file), name="foreign.")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Write a small checkpoint of every kind that is imported."""
    import h5py
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("strangers")
    weights = {"a.weight": torch.randn(8, 4), "a.bias": torch.zeros(8)}
    torch.save(weights, folder / "torch")
    torch.save(weights, folder / "legacy", _use_new_zipfile_serialization=False)
    save_file(weights, folder / "safetensors")
    make_recogniser(folder / "onnx", width=2)
    with h5py.File(folder / "keras", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0"]
        group.create_dataset("dense/kernel:0", data=np.ones((4, 3), np.float32))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_changes_of_datasets(table, stored, kind):
    _, read, pattern = KINDS[kind]
    shutil.copytree(stored / kind, table.folder / kind)
    whole = read(stored / kind)
    for file in [*sorted((table.folder / kind).glob(pattern))[:2], table.folder / kind / INDEX_FILES[kind]]:
        data = file.read_bytes()

        def check(numbers: bool = file.suffix != ".json") -> None:
            assert same(read(table.folder / kind), whole) or not numbers

        sweep(table, STORED, data, file, check, 300)
        file.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["torch", "legacy", "safetensors", "onnx", "keras"])
def test_thousands_of_changes_of_other_projects_checkpoints(table, strangers, kind):
    file = table.folder / "foreign"
    sweep(table, STRANGERS, strangers[kind], file, lambda: read_file(file), 200 if kind == "keras" else 2000)


@pytest.mark.slow
def test_thousands_of_changes_of_checkpoints(toy, table, run_folder):
    file = table.folder / "model_ckpt_steps_4.ckpt"
    sweep(table, CHECKPOINTS, (run_folder / file.name).read_bytes(), file, lambda: load_task(file), 1500)
