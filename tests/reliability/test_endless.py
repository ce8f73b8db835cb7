"""Small files that ask for work, text or memory without end: each is refused by a process that has little of either."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

READING = """
import resource, sys
from pathlib import Path
from tasks.core.checkpoints import read_checkpoint
from tasks.weights.read import read_file
from utils.errors import DataError
used = resource.getrusage(resource.RUSAGE_SELF)
resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 40,) * 2)
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30,) * 2)
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, end=" ", flush=True)
    try:
        (read_checkpoint if path.suffix == ".ckpt" else read_file)(path)
        print("read", flush=True)
    except DataError as error:
        print("refused", flush=True)
        assert len(str(error)) < 1000, (path, len(str(error)))
"""

PAIR = b"q\x00h\x00\x86"
"""Make a tuple that holds what is on the stack twice."""


def text(value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value


def named(name: str) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def tensor(size: bytes = b"K\x01\x85", stride: bytes = b"K\x01\x85", key: bytes = b"0", count: int = 1) -> bytes:
    kept = text(b"storage") + named("torch FloatStorage") + text(key) + text(b"cpu") + b"K" + bytes([count])
    return (
        named("torch._utils _rebuild_tensor_v2") + b"((" + kept + b"tQK\x00" + size + stride + b"\x89"
        + named("collections OrderedDict") + b")RtR"
    )  # fmt: skip


def long(bits: int) -> bytes:
    data = b"\xff" * (bits // 8) + b"\x00"
    return b"\x8b" + struct.pack("<I", len(data)) + data


def own(inside: bytes) -> bytes:
    """Return the content of a checkpoint of ours whose recipe holds something."""
    weights = b"}(" + text(b"w") + tensor() + b"u"
    notes = b"}(" + text(b"recipe") + b"}(" + text(b"task_cls") + inside + b"u" + text(b"updates") + b"K\x01u"
    return b"}(" + text(b"state_dict") + weights + text(b"vizeme") + notes + b"u"


ENDLESS = b"K\x01" + PAIR * 60
LISTS = b"]" + b"q\x01]q\x02(h\x01h\x01eq\x01" * 60
LONG_TEXT = text(b"a" * 100_000) + b"q\x05"
FLAT = b"](" + b"K\x01" * 30_000 + b"eq\x05"

PICKLES = {
    "key": b"}" + ENDLESS + b"K\x01s",
    "set": b"\x8f(" + ENDLESS + b"\x90",
    "frozenset": b"(" + ENDLESS + b"\x91",
    "set_called": named("builtins set") + b"](" + ENDLESS + b"e\x85R",
    "ordered": named("collections OrderedDict") + b"](" + ENDLESS + b"K\x01\x86e\x85R",
    "state": named("evil Thing") + b")\x81}(" + ENDLESS + b"K\x01ub",
    "stand_in_key": named("evil Thing") + b")\x81" + ENDLESS + b"K\x01s",
    "kind": ENDLESS + b")\x81",
    "function": ENDLESS + b")R",
    "storage_kind": b"(" + text(b"storage") + ENDLESS + text(b"0") + text(b"cpu") + b"K\x01tQ",
    "storage_key": b"(" + text(b"storage") + named("torch FloatStorage") + ENDLESS + text(b"cpu") + b"K\x01tQ",
    "reference": b"(" + ENDLESS + b"K\x01tQ",
    "device": named("torch device") + ENDLESS + b"\x85R",
    "numpy_type": named("numpy dtype") + ENDLESS + b"\x85R",
    "object_base": named("copyreg _reconstructor") + named("evil Thing") + ENDLESS + b"N\x87R",
    "lists": LISTS,
    "value": b"}(" + text(b"a") + ENDLESS + text(b"w") + tensor() + b"u",
    "names": b"}(" + LONG_TEXT + (b"}(h\x05" * 34) + b"}(" + b"".join(text(b"%d" % i) + b"K\x01" for i in range(300))
    + b"u" * 36,
    "copied_texts": b"](" + LONG_TEXT + (named("_codecs encode") + b"h\x05\x85R") * 20_000 + b"e",
    "copied_sets": b"](" + FLAT + (named("builtins set") + b"h\x05\x85R") * 5_000 + b"e",
    "copied_states": b"}q\x05(" + b"".join(text(b"%d" % i) + b"K\x01" for i in range(10_000)) + b"u"
    + named("evil Thing") + b")\x81" + b"h\x05b" * 20_000,
    "flat_lists": b"](" + FLAT + b"h\x05" * 30_000 + tensor() + b"e",
    "long_keys": b"}" + long(1 << 23) + b"q\x05K\x01s" + b"h\x05K\x01s" * 20_000,
    "long_sides": long(1 << 23) + b"q\x06" + tensor(b"(" + b"h\x06" * 1000 + b"t", b"(" + b"h\x06" * 1000 + b"t"),
    "long_class": named("evil " + "a" * 100_000) + b"q\x05](" + b"h\x05)\x81" * 20_000 + b"e",
    "bytearray": b"](" + named("builtins bytearray") + b"\x8a\x06" + (1 << 40).to_bytes(6, "little") + b"\x85Re",
    "floats": b"](" + named("torch FloatTensor") + b"\x8a\x06" + (1 << 40).to_bytes(6, "little") + b"\x85\x81e",
    "texts": b"](" + LONG_TEXT + b"h\x05" * 100_000 + b"e",
}  # fmt: skip
"""By name: what a pickle holds, without its first and last byte."""


def write_torch(path: Path, content: bytes, **besides: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + content + b".")
        parts = {"version": b"3\n", "byteorder": b"little", "data/0": bytes(4)}
        for name, data in (parts | besides).items():
            archive.writestr(name if "/data.pkl" in name else f"archive/{name}", data)


def test_what_small_files_ask_for_has_an_end(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in PICKLES.items():
        write_torch(folder / f"{name}.pth", content)
        write_torch(folder / f"{name}.ckpt", content)
        write_torch(folder / f"recipe_{name}.ckpt", own(content))
    write_torch(folder / "two.ckpt", own(text(b"toy")), **{"other/data.pkl": b"\x80\x02" + own(text(b"a")) + b"."})
    side = b"\x8a\x05" + (1 << 36).to_bytes(5, "little") + b"\x85"
    write_torch(folder / "spread.ckpt", own(text(b"toy")).replace(tensor(), tensor(side, b"K\x00\x85")))
    write_torch(folder / "short.ckpt", own(text(b"toy")).replace(tensor(), tensor(count=2)))
    write_torch(folder / "sound.ckpt", own(text(b"toy")))
    write_torch(folder / "sound.pth", own(text(b"toy")))
    done = subprocess.run(
        [sys.executable, "-c", READING, str(folder)], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    said = dict(line.split() for line in done.stdout.splitlines() if " " in line.strip())
    assert done.returncode == 0, (done.stdout[-300:], done.stderr[-2000:])
    assert said.pop("sound.ckpt") == said.pop("sound.pth") == "read"
    assert {name for name, outcome in said.items() if outcome == "read"} == {"recipe_names.ckpt"}  # nobody joins those
    assert len(said) == 3 * len(PICKLES) + 3
