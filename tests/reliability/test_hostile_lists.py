"""Arrays, lists and tables that strangers made: what is none is refused in plain words, and nothing in it is run."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_gen.clips.plan import find_videos
from data_gen.face_voice.run import read_labels
from data_gen.templates.files import read_templates
from data_gen.wav2pix.sources import find_sources
from tasks.speaking.head_pose import read_poses
from tests.reliability.hostile import sweep
from tests.reliability.hostile_data import LITTLE
from utils.visualization.lm_visualizer import read_landmarks

ARRAYS, LISTS = "arrays (.npy)", "lists (CSV, JSON, base64)"


def _npy(array: np.ndarray, **more: object) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **more)  # type: ignore[arg-type]
    return out.getvalue()


def _npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, a=np.zeros((3, 68, 3)))
    return out.getvalue()


def _header(text: str) -> bytes:
    body = text.encode() + b" " * (118 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body


def _claim(shape: str) -> bytes:
    return _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}")


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
    "a claim of 2^40 rows": lambda: _claim(f"({2**40}, 68, 3)"),
    "a claim of 2^70 rows": lambda: _claim(f"({2**70}, 68, 3)"),
    "rows below zero": lambda: _claim("(-1, 68, 3)"),
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


@pytest.mark.parametrize(
    "told", [b"", b"[]", b"{}", b'{"recogniser": 3}', b'{"recogniser": {"name": 1}}', b"\xff", b"[" * 9999]
)
def test_what_is_said_of_templates_may_be_rubbish(table, told):
    (table.folder / "t.csv").write_bytes(b"1,2,3\n")
    (table.folder / "t.csv.json").write_bytes(told)
    table.read_refuses(LISTS, lambda: read_templates(table.folder / "t.csv", LITTLE), says="t.csv.json")


@pytest.mark.slow
def test_thousands_of_changes_of_arrays(table):
    file = table.folder / "landmarks.npy"
    sweep(table, ARRAYS, _npy(np.ones((5, 68, 3), np.float32)), file, lambda: read_landmarks(file), 3000)
