"""wav2pix's config.yaml with its pickled lists gives the same pairs as its folder."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from data_gen import run
from data_gen.wav2pix.pairs import FaceVoicePairs
from data_gen.wav2pix.pickled import pickled_sources
from tests.made_faces import make_speakers
from utils.errors import DataError


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make a dataset as wav2pix has it, and lists with the paths of another machine."""
    folder = tmp_path_factory.mktemp("wav2pix")
    for split, takes in (("train", 3), ("test", 1)):
        make_speakers(folder / "dataset" / split, takes=takes)
    lines = []
    for name, split in (("train", "train"), ("inference", "test")):
        for kind, ending in (("faces", "png"), ("audios", "wav")):
            files = sorted((folder / "dataset" / split).rglob(f"*.{ending}"))
            names = [f"/home/there/dataset/{split}/{file.parent.name}/{file.name}" for file in files]
            (folder / f"{name}_{kind}.pickle").write_bytes(pickle.dumps(names, protocol=2))
            lines.append(f"{name}_{kind}_path: /home/there/pickles/{name}_{kind}.pickle")
    (folder / "config.yaml").write_text("\n".join(lines))
    return folder


def test_lists_give_the_pairs_of_the_folder(house, tmp_path, capsys):
    words = ["wav2pix", "--image_size", "32"]
    lists = ["--pairs", str(house / "config.yaml"), "--dataset", str(house / "dataset")]
    assert run.main([*words, *lists, "--out", str(tmp_path / "lists")]) == 0
    assert "6 pairs to train, 2 to validate, of 2 speakers; 0 skipped" in capsys.readouterr().out
    assert run.main([*words, "--pairs", str(house / "dataset"), "--out", str(tmp_path / "folder")]) == 0
    lists, folder = (FaceVoicePairs(tmp_path / name) for name in ("lists", "folder"))
    for split in ("train", "val"):
        np.testing.assert_array_equal(lists.wavs(split), folder.wavs(split))
        np.testing.assert_array_equal(lists.faces(split), folder.faces(split))
        np.testing.assert_array_equal(lists.labels(split), folder.labels(split))


def test_what_is_missing_is_named(house, tmp_path):
    with pytest.raises(DataError, match=r"None of the 8 files listed is under .* the first would be .*Give --dataset"):
        pickled_sources(house / "config.yaml", tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text("image_size: 64")
    with pytest.raises(DataError, match=r"is no config\.yaml of wav2pix"):
        pickled_sources(config)
    config.write_text("train_faces_path: gone.pickle\ntrain_audios_path: gone.pickle")
    with pytest.raises(DataError, match=r"train_faces_path is gone\.pickle, which is not there"):
        pickled_sources(config)
    (tmp_path / "gone.pickle").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match=r"gone\.pickle holds no list of paths"):
        pickled_sources(config)
    (tmp_path / "gone.pickle").write_bytes(pickle.dumps(["/x/../../y.png"]))
    with pytest.raises(DataError, match="leads out of the folder"):
        pickled_sources(config)
    (tmp_path / "faces.pickle").write_bytes(pickle.dumps(["a/b/c.png", "a/b/d.png"]))
    (tmp_path / "sounds.pickle").write_bytes(pickle.dumps(["a/b/c.wav"]))
    config.write_text("train_faces_path: faces.pickle\ntrain_audios_path: sounds.pickle")
    with pytest.raises(DataError, match="train has 2 faces and 1 sounds"):
        pickled_sources(config)
