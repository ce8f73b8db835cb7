"""Photos become pairs of crop and template that know their recogniser."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from data_gen import run
from data_gen.templates.run import choose_held_out
from data_gen.templates.shards import TemplateShards
from tests.made_faces import draw_face, make_faces, make_recogniser
from utils.errors import ConfigError, DataError
from utils.faces.recogniser import find_recogniser, open_recogniser


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    make_faces(folder / "faces")
    (folder / "faces/person0/torn.jpg").write_bytes(b"not a picture")
    Image.fromarray(draw_face(0, 0)[:50]).save(folder / "faces/person0/wide.png")
    make_recogniser(folder / "little.onnx")
    return folder


def make(made, *more):
    given = ["templates", "--faces", made / "faces", "--out", made / "binary", "--recogniser", made / "little.onnx"]
    return run.main([*map(str, given), "--aligned", "--per_shard", "7", *more])


def test_pairs_can_be_read_and_belong_together(made, capsys):
    assert make(made, "--val_identities", "2") == 0
    assert "16 pairs to train, 8 of 2 unseen people to validate; 2 photo(s) skipped" in capsys.readouterr().out
    shards = TemplateShards(made / "binary")
    recogniser = open_recogniser(str(made / "little.onnx"))
    assert shards.index.recogniser == recogniser.id
    people = {}
    for split in ("train", "val"):
        pairs = [shards.read(split, i) for i in range(shards.count(split))]
        again = recogniser.templates(np.stack([pair.crop for pair in pairs]))
        np.testing.assert_allclose(again, [pair.template for pair in pairs], rtol=1e-4, atol=1e-5)
        people[split] = {pair.identity for pair in pairs}
        templates, identities = shards.templates(split)
        np.testing.assert_array_equal(templates, [pair.template for pair in pairs])
        assert set(identities.tolist()) == people[split]
    assert not people["train"] & people["val"]
    person = int(shards.name("val", 3).split("/")[0].removeprefix("person"))
    assert np.abs(shards.read("val", 3).crop.astype(int) - draw_face(person, 3)).mean() < 3


def test_what_was_made_is_kept_and_what_changed_is_made_again(made):
    make(made, "--val_identities", "2")
    files = sorted((made / "binary").glob("*.safetensors"))
    before = [file.stat().st_mtime_ns for file in files]
    make(made, "--val_identities", "2")
    assert [file.stat().st_mtime_ns for file in files] == before
    notes = json.loads(files[0].with_suffix(".json").read_text())
    files[0].with_suffix(".json").write_text(json.dumps({**notes, "recipe": "another"}))
    make(made, "--val_identities", "2")
    after = [file.stat().st_mtime_ns for file in files]
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_another_recogniser_is_refused_by_its_content(made):
    make(made)
    other = make_recogniser(made / "elsewhere" / "little.onnx", seed=1)
    with pytest.raises(ConfigError, match="Templates of one recogniser mean nothing to another"):
        find_recogniser(TemplateShards(made / "binary").index.recogniser, str(other))


def test_slips_are_told(made):
    with pytest.raises(ConfigError, match=r"No recogniser is called 'dlb'\. Did you mean 'dlib'"):
        open_recogniser("dlb")
    with pytest.raises(DataError, match=r"python data_gen/run\.py templates --faces"):
        TemplateShards(made / "nothing")
    with pytest.raises(DataError, match="nobody is left to train on"):
        choose_held_out(["a", "b"], 2)


def test_who_is_held_out_does_not_depend_on_the_order():
    people = [f"p{i}" for i in range(30)]
    assert choose_held_out(people, -1) == choose_held_out(people[::-1], 3)
