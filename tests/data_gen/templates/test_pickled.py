"""rbh24's pickles of templates become pairs with the templates as they are, when they are the recogniser's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from data_gen import run
from data_gen.templates.pickled import read_pickled
from data_gen.templates.shards import TemplateShards
from tests.made_faces import make_faces, make_recogniser
from utils.errors import ConfigError, DataError
from utils.faces.recogniser import open_recogniser
from utils.files.pickles import read_plain_pickle
from utils.media.pictures import read_photo


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make photos, a recogniser, and two pickles of its templates as templatesgen writes them."""
    folder = tmp_path_factory.mktemp("pickled")
    make_faces(folder / "images", people=4, photos=2)
    recogniser = open_recogniser(str(make_recogniser(folder / "little.onnx")))
    other = open_recogniser(str(make_recogniser(folder / "other.onnx", seed=5)))
    names = [f"person{person}/{photo}.png" for person in range(4) for photo in range(2)]
    crops = np.stack([read_photo(folder / "images" / name) for name in names])
    lists = {"buffalo": recogniser.templates(crops), "antelope": other.templates(crops)}
    for number, part in enumerate((slice(0, 5), slice(5, 8))):
        content = {key: [row[None] for row in rows[part]] for key, rows in lists.items()}
        content["file"] = [*names[part], "person9/gone.png"]
        content = {key: [*rows, np.ones((1, 16), np.float32)] for key, rows in content.items() if key != "file"} | {
            "file": content["file"]
        }
        (folder / f"{number}.pkl").write_bytes(pickle.dumps(content, protocol=4))
    return folder


def make(house, out, *more):
    given = ["templates", "--pickled", house / "0.pkl", house / "1.pkl", "--faces", house / "images", "--out", out]
    return run.main([*map(str, given), "--recogniser", str(house / "little.onnx"), "--val_identities", "1", *more])


def test_photos_come_with_the_templates_of_the_pickles(house, tmp_path, capsys):
    assert make(house, tmp_path / "out", "--per_shard", "3") == 0
    assert "6 pairs to train, 2 of 1 unseen people to validate; 0 photo(s) skipped" in capsys.readouterr().out
    shards = TemplateShards(tmp_path / "out")
    given = {}
    for number in range(2):
        content = read_plain_pickle(house / f"{number}.pkl", "templates")
        given |= dict(zip(content["file"], content["buffalo"], strict=True))
    for split in ("train", "val"):
        for number in range(shards.count(split)):
            np.testing.assert_array_equal(shards.read(split, number).template, given[shards.name(split, number)][0])
    assert make(house, tmp_path / "out", "--per_shard", "3") == 0, "again: what is there is kept"


def test_templates_of_another_recogniser_are_refused(house, tmp_path):
    with pytest.raises(ConfigError, match=r"0\.pkl: its templates are not those that little gives .* --pickled_key"):
        make(house, tmp_path / "out", "--pickled_key", "antelope")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "holds a list, where rbh24's templates are lists called file and buffalo"),
        ({"file": [], "glint": []}, "holds file, glint, where"),
        ({"file": ["a.png"], "buffalo": [np.ones(3)]}, "'buffalo' is no list of templates of 16 numbers each"),
        ({"file": ["a.png"], "buffalo": [np.ones(16)] * 2}, "has 1 names and 2 templates"),
        ({"file": ["a.png"], "buffalo": [np.full(16, np.nan)]}, "holds a template that is not finite"),
        ({"file": ["a.png"], "buffalo": [np.ones(16)]}, r"lists 1 photos, none of which is new .* the first is a\.png"),
        ({"file": ["../x.png"], "buffalo": [np.ones(16)]}, "leads out of the folder"),
    ],
)
def test_what_is_no_list_of_templates_is_named(house, tmp_path, content, said):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content))
    recogniser = open_recogniser(str(house / "little.onnx"))
    with pytest.raises(DataError, match=said):
        with read_pickled([tmp_path / "x.pkl"], house / "images", "buffalo", recogniser):
            raise AssertionError
