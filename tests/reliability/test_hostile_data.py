"""What lies on the disk between two commands is believed only as far as its checksums go; strangers' arrays and lists never."""

from __future__ import annotations

import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data_gen.clips.plan import find_videos
from data_gen.clips.shards import ClipShards, ClipShardWriter
from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.run import read_labels
from data_gen.templates.shards import TemplateShards, TemplateShardWriter, encode
from data_gen.video.dataset import VideoDataset
from data_gen.wav2pix.pairs import FaceVoicePairs, Pair, write_pairs
from data_gen.wav2pix.run import find_sources
from tasks.checkpoints import load_task, read_checkpoint, read_index
from tasks.head_pose import read_poses
from tasks.imports.read import read_file
from tasks.template_infer import read_templates
from tasks.trainer import train
from tests.made import make_video_dataset
from tests.made_faces import draw_face, make_recogniser
from tests.made_persons import make_persons
from tests.reliability.hostile import SEED, Table, flipped, truncated
from tests.tasks.toy import ToyConfig, ToyTask
from utils.recogniser import RecogniserId
from utils.visualization.lm_visualizer import read_landmarks

STORED, CHECKPOINTS, ARRAYS, LISTS, STRANGERS = (
    "datasets on the disk", "checkpoints", "arrays (.npy)", "lists (CSV, JSON, base64)", "other projects' checkpoints",
)  # fmt: skip
LITTLE = RecogniserId(name="little", sha256="a" * 64, width=3)


def make_clips(folder: Path) -> Path:
    """Write a small corpus of three clips in two shards."""
    rng = np.random.default_rng(SEED)
    writer = ClipShardWriter(folder, {"mel": 80})
    jobs = [(f"s{i}/clip", f"s{i}", f"digest{i}") for i in range(3)]
    for _, _, digest in jobs:
        arrays = {"landmarks": rng.normal(size=(20, 68, 3)), "mel": rng.normal(size=(40, 80)), "pitch_hz": np.ones(40)}
        writer.write_part(digest, {name: array.astype(np.float32) for name, array in arrays.items()})
    for number, some in enumerate((jobs[:2], jobs[2:])):
        writer.write(number, some, recipe=f"r{number}", first=2 * number)
    writer.finish(2)
    return folder


def read_clips(folder: Path) -> list[Any]:
    """Read all that training reads of a corpus, in windows."""
    shards = ClipShards(folder)
    found: list[Any] = [shards.index.audio_features]
    for clip in shards.index.clips:
        for name, rows in (("landmarks", 1), ("mel", 2), ("pitch_hz", 2)):
            half = clip.frames // 2
            found += [shards.read(clip, name, 0, rows * half), shards.read(clip, name, rows * half, rows * clip.frames)]
    return found


def make_templates(folder: Path) -> Path:
    """Write two shards of faces with random templates."""
    rng = np.random.default_rng(SEED)
    writer = TemplateShardWriter(folder, LITTLE)
    for number, split in enumerate(("train", "val")):
        pairs = [
            (f"{number}/{i}.png", number, encode(draw_face(number, i)), rng.normal(size=3).astype(np.float32))
            for i in range(3)
        ]
        writer.write(number, pairs, split=split, recipe=split)  # type: ignore[arg-type]
    writer.finish(2)
    return folder


def read_template_shards(folder: Path) -> list[Any]:
    """Read every pair."""
    shards = TemplateShards(folder)
    found: list[Any] = [shards.width]
    for split in ("train", "val"):
        for number in range(shards.count(split)):
            pair = shards.read(split, number)
            found += [pair.crop, pair.template, pair.identity, shards.name(split, number)]
    return found


def read_persons(folder: Path) -> list[Any]:
    """Read every voice and face."""
    data = FaceVoiceDataset(folder)
    found: list[Any] = []
    for entry, person in enumerate(data.persons):
        found += [person.split, person.label, data.faces(entry), data.landmarks_px(entry)]
        found += [data.wav(entry, clip) for clip in range(len(person.clips))]
    return found


def make_pairs(folder: Path) -> Path:
    """Write pairs of two speakers."""
    rng = np.random.default_rng(SEED)

    def pair(speaker: int, take: int) -> Pair:
        return Pair(draw_face(speaker, take, 32), rng.integers(1, 999, 1600).astype(np.int16), f"s{speaker}")

    write_pairs(folder, {"train": [pair(i % 2, i) for i in range(4)], "val": [pair(i, 9) for i in range(2)]})
    return folder


def read_pairs(folder: Path) -> list[Any]:
    """Read every pair."""
    pairs = FaceVoicePairs(folder)
    found: list[Any] = [pairs.meta.speakers]
    for split in ("train", "val"):
        found += [np.array(pairs.faces(split)), np.array(pairs.wavs(split)), np.array(pairs.labels(split))]
    return found


def read_video(folder: Path) -> list[Any]:
    """Read what the motion tasks read of a person's video."""
    data = VideoDataset(folder)
    found: list[Any] = [data.shots("train"), data.landmarks, data.world_from_camera, data.audio("mel")]
    return [*found, data.audio("pitch_hz"), data.neutral, data.landmarks_mean]


Kind = tuple[Callable[[Path], Any], Callable[[Path], list[Any]], str]
KINDS: dict[str, Kind] = {
    "clips": (make_clips, read_clips, "*.safetensors"),
    "templates": (make_templates, read_template_shards, "*.safetensors"),
    "face_voice": (lambda folder: make_persons(folder, persons=4, seconds=1.0), read_persons, "*.safetensors"),
    "wav2pix": (make_pairs, read_pairs, "*.npy"),
    "video": (lambda folder: make_video_dataset(folder, frames=40, size=32), read_video, "*.safetensors"),
}


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
    "an unknown type": b'{"0/landmarks":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}',
    "an entry without a place": b'{"0/landmarks":{"dtype":"F32","shape":[1]}}',
    "checksums of rubbish": b'{"__metadata__":{"crc32":"x"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    "checksums that are a list": b'{"__metadata__":{"crc32":"[1]"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
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
_INDEX = {"clips": "index.json", "templates": "index.json", "face_voice": "index.json", "wav2pix": "meta.json",
          "video": "meta.json"}  # fmt: skip


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_is_none(table, stored, kind, name):
    spoil(table, stored, kind, _INDEX[kind], INDEXES[name], 0)
    table.read_refuses(STORED, lambda: KINDS[kind][1](table.folder / kind), says=_INDEX[kind])


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

    spoil(table, stored, kind, _INDEX[kind], change, 0)

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
    "weights of nobody": lambda: {"vizeme": {"updates": 1, "recipe": {"task_cls": "toy"}}, "state_dict": {"x": torch.ones(1)}},
    "weights that are a list": lambda: {"vizeme": {"updates": 1, "recipe": {"task_cls": "toy"}}, "state_dict": [1]},
    "no updates": lambda: {"vizeme": {"recipe": {"task_cls": "toy"}}, "state_dict": ToyTask({"task_cls": "toy"}).state_dict()},
    "a sparse weight": lambda: {
        "vizeme": {"updates": 1, "recipe": {"task_cls": "toy"}}, "state_dict": {"model.0.weight": torch.ones(8, 4).to_sparse()}
    },
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE_CHECKPOINTS)
def test_a_checkpoint_that_holds_something_else(toy, table, name):
    file = table.folder / "model_ckpt_steps_1.ckpt"
    torch.save(STRANGE_CHECKPOINTS[name](), file)
    table.read_refuses(CHECKPOINTS, lambda: load_task(table.folder))


@pytest.mark.parametrize("text", ["", "[]", "null", '{"a": 1}', '{"4": [1]}', '{"4": {"val/total_loss": "x"}}', "[" * 9999])
def test_the_figures_beside_the_checkpoints_may_be_rubbish(toy, table, run_folder, text):
    shutil.copytree(run_folder, table.folder / "run")
    (table.folder / "run" / "checkpoints.json").write_text(text)
    read_index(table.folder / "run")
    task = table.reads(CHECKPOINTS, lambda: load_task(table.folder / "run", "best"))
    assert task is not None


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["torch", "legacy", "safetensors", "onnx", "keras"])
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


def _npy(array: np.ndarray, **more: object) -> bytes:
    import io

    out = io.BytesIO()
    np.save(out, array, **more)  # type: ignore[arg-type]
    return out.getvalue()


def _npz() -> bytes:
    import io

    out = io.BytesIO()
    np.savez(out, a=np.zeros((3, 68, 3)))
    return out.getvalue()


def _header(text: str) -> bytes:
    body = text.encode() + b" " * (118 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body


BAD_ARRAYS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "rubbish": lambda: bytes(range(256)),
    "a text": lambda: b"1,2,3\n",
    "objects, which are pickled": lambda: _npy(np.array([{"a": 1}], object), allow_pickle=True),
    "a pickle": lambda: b"\x80\x04N.",
    "an archive": _npz,
    "a damaged archive": lambda: _npz()[:200],
    "a zip of nothing": lambda: b"PK\x05\x06" + bytes(18),
    "text as numbers": lambda: _npy(np.array(["a", "b"])),
    "dates": lambda: _npy(np.array(["2020-01-01"], "datetime64[D]")),
    "complex numbers": lambda: _npy(np.zeros((3, 68, 3), complex)),
    "records": lambda: _npy(np.zeros(3, [("a", "f4"), ("b", "i4")])),
    "a single number": lambda: _npy(np.array(3.0)),
    "no rows": lambda: _npy(np.zeros((0, 68, 3))),
    "one dimension": lambda: _npy(np.zeros(203)),
    "six dimensions": lambda: _npy(np.zeros((1, 1, 1, 1, 2, 2))),
    "67 points": lambda: _npy(np.zeros((5, 67, 3))),
    "two numbers a point": lambda: _npy(np.zeros((5, 68, 2))),
    "NaN": lambda: _npy(np.full((5, 68, 3), np.nan)),
    "one infinity": lambda: _npy(np.where(np.arange(5 * 204).reshape(5, 68, 3) == 500, np.inf, 0.0)),
    "beyond float32": lambda: _npy(np.full((5, 68, 3), 1e300)),
    "cut off": lambda: _npy(np.zeros((50, 68, 3)))[:2000],
    "cut inside its head": lambda: _npy(np.zeros((50, 68, 3)))[:40],
    "a claim of 2^40 rows": lambda: _header("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 68, 3), }"),
    "a claim of 2^70 rows": lambda: _header("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 68, 3), }" % 2**70),
    "rows below zero": lambda: _header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 68, 3), }"),
    "a head with a call": lambda: _header("{'descr': __import__('os').system('touch hacked'), 'shape': (1,), }"),
    "a head that is no mapping": lambda: _header("[1, 2]"),
    "a head of brackets": lambda: _header("(" * 100),
    "a type of rubbish": lambda: _header("{'descr': 'zz9', 'fortran_order': False, 'shape': (1, 68, 3), }"),
    "a version from the future": lambda: b"\x93NUMPY\x09\x00" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_an_array_that_is_none(table, name):
    file = table.folder / "array.npy"
    file.write_bytes(BAD_ARRAYS[name]())
    for read in (read_landmarks, read_poses, lambda path: read_templates(Path(path), LITTLE)):
        table.read_refuses(ARRAYS, lambda read=read: read(str(file)), says="array.npy")
    assert not Path("hacked").exists()


@pytest.mark.parametrize("layout", [(5, 68, 3), (1, 5, 204), (5, 204), (68, 3)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "<i4", "u1"])
def test_landmarks_of_any_layout_and_number_are_read(table, layout, dtype):
    file = table.folder / "landmarks.npy"
    file.write_bytes(_npy(np.asfortranarray(np.ones(layout, dtype))))
    found = table.reads(ARRAYS, lambda: read_landmarks(file))
    assert found is not None
    assert found.shape == ((1 if layout == (68, 3) else 5), 68, 3)
    assert (found == 1).all()


BAD_LISTS: dict[str, bytes] = {
    "nothing": b"",
    "a head alone": b"video,speaker\n",
    "another head": b"film,person\na.mp4,anna\n",
    "no video": b"video,speaker\n,anna\n",
    "a time that is none": b"video,start_s\na.mp4,soon\n",
    "a time below zero": b"video,start_s\na.mp4,-1\n",
    "NaN": b"video,start_s\na.mp4,nan\n",
    "infinity": b"video,stop_s\na.mp4,inf\n",
    "a stop before its start": b"video,start_s,stop_s\na.mp4,5,3\n",
    "latin-1": "video\nsüß.mp4\n".encode("latin-1"),
    "UTF-16": "video\na.mp4\n".encode("utf-16"),
    "NULs": b"video\na\0.mp4\n",
    "rubbish": bytes(range(256)),
    "a field of a million letters": b"video\n" + b"a" * 1_000_000 + b".mp4\n",
    "an open quote": b'video,start_s\n"a.mp4,1\n' + b"b.mp4,1\n" * 20_000,
    "semicolons": b"video;speaker\na.mp4;anna\n",
    "repeated columns": b"video,video\na.mp4,\n",
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_list_of_videos_that_is_none(table, name):
    file = table.folder / "list.csv"
    file.write_bytes(BAD_LISTS[name])
    table.read_refuses(LISTS, lambda: find_videos(file), says="list.csv")


@pytest.mark.parametrize("name", ["nothing", "a head alone", "another head", "latin-1", "UTF-16", "NULs", "rubbish",
                                  "a field of a million letters", "semicolons"])  # fmt: skip
def test_lists_of_labels_and_pairs_that_are_none(table, name):
    (table.folder / "labels.csv").write_bytes(BAD_LISTS[name])
    table.read_refuses(LISTS, lambda: read_labels(table.folder / "labels.csv"), says="labels.csv")
    (table.folder / "pairs.csv").write_bytes(BAD_LISTS[name])
    table.read_refuses(LISTS, lambda: find_sources(table.folder), says="pairs.csv")


@pytest.mark.parametrize("body", [b"train,anna,a.png\n", b"train\n", b"other,anna,a.png,a.wav\n", b",,,\n"])
def test_pairs_with_rows_that_lack_something(table, body):
    (table.folder / "pairs.csv").write_bytes(b"split,speaker,image,wav\n" + body)
    table.read_refuses(LISTS, lambda: find_sources(table.folder), says="pairs.csv, line 2")


TEMPLATES: dict[str, tuple[str, bytes]] = {
    "an empty CSV": ("t.csv", b""),
    "words": ("t.csv", b"a,b,c,d\n"),
    "a name in some rows": ("t.csv", b"anna,1,2,3\n1,2,3\n"),
    "rows of two lengths": ("t.csv", b"1,2,3\n1,2\n"),
    "NaN": ("t.csv", b"1,2,nan\n"),
    "infinity": ("t.csv", b"1,2,inf\n"),
    "zeros": ("t.csv", b"0,0,0\n"),
    "too wide": ("t.csv", b"1,2,3,4\n"),
    "a CSV of rubbish": ("t.csv", bytes(range(256))),
    "an empty base64": ("t.b64", b""),
    "no base64": ("t.b64", b"%%%%"),
    "a byte too many": ("t.b64", b"AACAPwAAAEAAAEBAAA=="),
    "base64 of rubbish": ("t.b64", bytes(range(256))),
    "a pickle": ("t.pkl", b"\x80\x04N."),
    "no suffix": ("t", b"1,2,3"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_that_are_none(table, name):
    file, data = TEMPLATES[name]
    (table.folder / file).write_bytes(data)
    table.read_refuses(LISTS, lambda: read_templates(table.folder / file, LITTLE), says=file)


@pytest.mark.parametrize("told", [b"", b"[]", b"{}", b'{"recogniser": 3}', b'{"recogniser": {"name": 1}}', b"\xff", b"[" * 9999])
def test_what_is_said_of_templates_may_be_rubbish(table, told):
    (table.folder / "t.csv").write_bytes(b"1,2,3\n")
    (table.folder / "t.csv.json").write_bytes(told)
    table.read_refuses(LISTS, lambda: read_templates(table.folder / "t.csv", LITTLE), says="t.csv.json")


def sweep(table: Table, kind: str, data: bytes, file: Path, read: Callable[[], Any], count: int) -> None:
    """Change bytes at random many times, or cut the file; the reader refuses or reads."""
    rng = random.Random(SEED)
    for number in range(count):
        changed = truncated(data, rng.random()) if number % 5 == 0 else flipped(data, number, rng.randrange(1, 20))
        file.write_bytes(changed)
        table.reads(kind, read)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_changes_of_datasets(table, stored, kind):
    _, read, pattern = KINDS[kind]
    shutil.copytree(stored / kind, table.folder / kind)
    whole = read(stored / kind)
    for file in [*sorted((table.folder / kind).glob(pattern))[:2], table.folder / kind / _INDEX[kind]]:
        data = file.read_bytes()

        def check() -> None:
            assert same(read(table.folder / kind), whole) or file.suffix == ".json"

        sweep(table, STORED, data, file, check, 300)
        file.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["torch", "legacy", "safetensors", "onnx"])
def test_thousands_of_changes_of_other_projects_checkpoints(table, strangers, kind):
    file = table.folder / "foreign"
    sweep(table, STRANGERS, strangers[kind], file, lambda: read_file(file), 2000)


@pytest.mark.slow
def test_thousands_of_changes_of_checkpoints(toy, table, run_folder):
    file = table.folder / "model_ckpt_steps_4.ckpt"
    sweep(table, CHECKPOINTS, (run_folder / file.name).read_bytes(), file, lambda: load_task(file), 1500)


@pytest.mark.slow
def test_thousands_of_changes_of_arrays(table):
    file = table.folder / "landmarks.npy"
    sweep(table, ARRAYS, _npy(np.ones((5, 68, 3), np.float32)), file, lambda: read_landmarks(file), 3000)
