"""Hypothesis looks for what nobody thought of: the recipe parser, the override parser, the readers of stored files.

`VIZEME_FUZZ=20000 pytest tests/reliability/test_fuzz.py` looks longer; scripts/test_reliability.sh does.
"""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from data_gen.clips.shards import ClipIndex
from tasks.core.checkpoints import read_checkpoint
from tests.reliability.hostile import SEED, flipped
from tests.tasks.toy import ToyConfig
from utils.command import plain
from utils.config.assignments import set_dotted, split_hparams, typed_assignment
from utils.config.recipe import load_recipe
from utils.config.schema import parse
from utils.config.strict_yaml import read_yaml
from utils.errors import UserError
from utils.files.array_file import ArrayFile, checksums, crc32
from utils.files.arrays import load_array, write_arrays_in_turn
from utils.files.tables import read_checked

TRIES = int(os.environ.get("VIZEME_FUZZ", "60"))
"""Examples for each test."""
fuzz = settings(
    max_examples=TRIES, deadline=None, database=None, derandomize=False, suppress_health_check=list(HealthCheck)
)
PIECES = st.sampled_from(
    ["task_cls", "lr", "weights", "error", ": ", ":\n", "\n", "\n  ", "- ", "{", "}", "[", "]", ",", "'", '"', "&a ",
     "*a", "<<", "!!int ", "!!python/name:os.system", "#", "|", ">", "?", "%", "@", "`", "~", ".nan", ".inf", "1:30",
     "0x", "010", "1e9", "5e-4", "yes", "2020-01-01", "\t", "\0", "\x1b", "\ufeff", "\u2028", "\u200b", "---", "...",
     "=", "base_config", "./x.yaml"]
)  # fmt: skip
RECIPE = st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(max_size=80))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*ToyConfig.model_fields, "weights.error", "weights.x", "lr.x", "", ".", "a.b.c"])


def told(error: UserError) -> None:
    """Check that what is refused is refused in a few plain lines."""
    text = plain(f"error: {error}")
    assert len(text) > 12
    assert len(text.splitlines()) <= 40
    assert "\x1b" not in text
    assert "\0" not in text


@contextmanager
def read_or_refused(name: str, data: bytes) -> Iterator[Path]:
    """Give a file of these bytes; the block may refuse it, in a few plain lines, and must not fail otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            yield path
        except UserError as error:
            told(error)


@seed(SEED)
@fuzz
@given(RECIPE)
@example("? [a]\n: 1")
def test_any_text_is_a_recipe_or_is_refused(text):
    try:
        value = read_yaml(text, "recipe.yaml")
    except UserError as error:
        told(error)
        return
    if isinstance(value, dict):
        assert all(isinstance(key, str) for key in value)
    json.dumps(value)  # texts, numbers, yes and no, nothing, lists and mappings: no dates, no bytes, no objects


@seed(SEED)
@fuzz
@given(PLAIN)
def test_what_is_written_as_yaml_is_read_back(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    try:
        found = read_yaml(text, "recipe.yaml")
    except UserError as error:
        told(error)
        return
    if isinstance(value, str):
        assert found == value
    if isinstance(value, int) and not isinstance(value, bool):
        assert found == value


@seed(SEED)
@fuzz
@given(st.binary(max_size=200) | RECIPE.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_file_is_a_recipe_or_is_refused(data):
    with read_or_refused("recipe.yaml", data) as path:
        recipe = load_recipe(path)
        parse(ToyConfig, recipe.values, path, origins=recipe.origins, problems=recipe.problems)


@seed(SEED)
@fuzz
@given(st.dictionaries(NAMES, PLAIN, max_size=4))
def test_any_values_are_settings_or_are_refused(values):
    try:
        config = parse(ToyConfig, {"task_cls": "toy", **values}, Path("recipe.yaml"))
    except UserError as error:
        told(error)
        return
    again = config.model_dump(mode="json")
    assert parse(ToyConfig, again, Path("again.yaml")) == config
    json.dumps(again, allow_nan=False)


@seed(SEED)
@fuzz
@given(st.one_of(RECIPE, st.tuples(NAMES, RECIPE).map("=".join)))
def test_any_override_is_one_or_is_refused(text):
    for part in split_hparams(text):
        values: dict = {"lr": 1.0, "weights": {"error": 1.0}}
        try:
            name, value = typed_assignment(ToyConfig, part)
            set_dotted(values, name, value)
            parse(ToyConfig, {"task_cls": "toy", **values}, Path("recipe.yaml"))
        except UserError as error:
            told(error)


@seed(SEED)
@fuzz
@given(st.text(max_size=40))
def test_any_name_survives_the_quotes_of_the_scripts(name):
    """As scripts/common.sh quotes file names for --hparams."""
    quoted = "'" + name.replace("'", "''") + "'"
    parts = split_hparams(f"flavour={quoted},lr=1.0")
    assert parts == [f"flavour={quoted}", "lr=1.0"]
    try:
        assert typed_assignment(ToyConfig, parts[0])[1] == name
    except AssertionError:
        # YAML folds line ends inside quotes, and forbids control characters: such a name is not for --hparams
        assert any(char in name for char in "\n\r\x85\u2028\u2029\t") or not name.isprintable() or name != name.strip()


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Write a shard, a checkpoint, an array and an index."""
    folder = tmp_path_factory.mktemp("fuzz")
    rng = np.random.default_rng(SEED)
    arrays = {f"{i}/{name}": rng.normal(size=(6, 4)).astype(np.float32) for i in range(2) for name in ("mel", "rms")}
    write_arrays_in_turn(folder / "shard", iter(arrays.items()))
    torch.save({"vizeme": {"recipe": {}}, "state_dict": {"w": torch.ones(20)}}, folder / "checkpoint")
    np.save(folder / "array.npy", arrays["0/mel"])
    clip = {"id": "a", "speaker": "b", "shard": "c", "key": "0", "frames": 3}
    (folder / "index").write_text(json.dumps({"audio_features": {"mel": 4}, "clips": [clip]}))
    return folder


CHANGES = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=6)


def changed(data: bytes, changes: list[tuple[int, int]], cut: int | None) -> bytes:
    out = bytearray(data)
    for place, value in changes:
        out[place % len(out)] = value
    return bytes(out[: cut % len(out)] if cut is not None else out)


@seed(SEED)
@fuzz
@given(CHANGES, st.none() | st.integers(0, 100_000))
def test_a_changed_shard_is_noticed(stored, changes, cut):
    data = (stored / "shard").read_bytes()
    whole = ArrayFile(stored / "shard", "Make it again.")
    with read_or_refused("shard", changed(data, changes, cut)) as path:
        found = ArrayFile(path, "Make it again.")
        for name in whole.names:
            np.testing.assert_array_equal(found.rows(name, 1, 5), whole.rows(name, 1, 5))


@seed(SEED)
@fuzz
@given(st.binary(max_size=300), st.none() | st.integers(0, 400))
def test_any_bytes_are_a_shard_or_are_refused(data, length):
    with read_or_refused("shard", data if length is None else length.to_bytes(8, "little") + data) as path:
        for name in (opened := ArrayFile(path, "Make it again.")).names:
            opened.rows(name)


@seed(SEED)
@fuzz
@given(PLAIN)
def test_any_header_is_a_shard_or_is_refused(value):
    text = json.dumps(value).encode()
    with read_or_refused("shard", len(text).to_bytes(8, "little") + text + bytes(64)) as path:
        for name in (opened := ArrayFile(path, "Make it again.")).names:
            opened.rows(name)


@seed(SEED)
@fuzz
@given(CHANGES, st.none() | st.integers(0, 100_000))
def test_a_changed_checkpoint_is_noticed(stored, changes, cut):
    with read_or_refused("checkpoint", changed((stored / "checkpoint").read_bytes(), changes, cut)) as path:
        assert torch.equal(read_checkpoint(path)["state_dict"]["w"], torch.ones(20))


@seed(SEED)
@fuzz
@given(CHANGES, st.none() | st.integers(0, 100_000))
def test_a_changed_array_is_read_or_refused(stored, changes, cut):
    with read_or_refused("array.npy", changed((stored / "array.npy").read_bytes(), changes, cut)) as path:
        assert np.isfinite(load_array(path, "numbers")).all()


@seed(SEED)
@fuzz
@given(CHANGES | PLAIN)
def test_a_changed_index_is_read_or_refused(stored, value):
    data = (stored / "index").read_bytes()
    new = json.dumps(value).encode() if not isinstance(value, list) else data
    if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
        new = changed(data, value, None)
    with read_or_refused("index.json", new) as path:
        read_checked(path, ClipIndex, missing="It is not there at all.", again="Make it again.")


def test_a_checksum_is_of_name_type_shape_and_numbers():
    assert crc32("a", np.frombuffer(b"123456789", np.uint8)) == f"{zlib.crc32(b'a |u1 [9]123456789'):08x}"
    assert checksums({"b": "2", "a": "1"}) == {"crc32": '{"a":"1","b":"2"}'}
    assert flipped(b"abc", 1) != b"abc"
