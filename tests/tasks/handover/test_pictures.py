"""Pictures go along as they lie in the dataset; those of a stranger are looked through before anything draws them."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.dataset import VideoDataset
from tasks.handover.pictures import file_of, refuse_unsound
from tests.made import make_video_dataset
from utils.errors import DataError
from utils.media.picture_file import PictureFile, PictureWriter


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> VideoDataset:
    return make_video_dataset(tmp_path_factory.mktemp("footage") / "made", frames=24, size=32)


def test_a_file_of_tiles_goes_along_as_it_lies(footage, tmp_path):
    file = file_of(footage, "frames", tmp_path)
    assert file == footage.path / "frames.safetensors"
    assert not list(tmp_path.iterdir())
    refuse_unsound(file, "frames", (24, 32, 32, 3))


@pytest.mark.parametrize("name", ["frames", "head_mask"])
def test_an_array_of_an_earlier_version_loses_nothing(footage, tmp_path, name):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/meta.json").write_bytes((footage.path / "meta.json").read_bytes())
    pictures = np.array(getattr(footage, name))
    np.save(tmp_path / f"old/{name}.npy", pictures)
    file = file_of(VideoDataset(tmp_path / "old"), name, tmp_path)
    refuse_unsound(file, name, pictures.shape)
    np.testing.assert_array_equal(PictureFile(file, ""), pictures)


@pytest.mark.parametrize("shape", [(23, 32, 32, 3), (24, 32, 33, 3), (24, 32, 32)])
def test_pictures_of_another_number_size_or_kind_are_refused(footage, shape):
    with pytest.raises(DataError, match=r"footage/frames\.safetensors holds pictures \(24, 32, 32, 3\), not"):
        refuse_unsound(footage.path / "frames.safetensors", "frames", shape)


def test_one_wrong_tile_is_found(footage, tmp_path):
    with PictureWriter(tmp_path / "a.safetensors", (32, 32, 3)) as out:
        out.add(footage.frames[0])
        out.add([b"GIF89a" + bytes(50)])
    with pytest.raises(DataError, match="picture 1 is not what was written"):
        refuse_unsound(tmp_path / "a.safetensors", "frames", (2, 32, 32, 3))
