"""A dataset is written aside, and what was there stays until it is whole."""

from __future__ import annotations

import pytest

from data_gen.video.dataset import VideoDataset, open_video
from data_gen.video.dataset_writer import DatasetWriter
from tests.made import make_video_dataset


def test_frames_are_on_the_disk_once(done):
    job, data = done
    assert (data.path / "frames.npy").samefile(job.processed / "convert" / "frames.npy")
    assert (data.path / "torso_frames.npy").samefile(job.processed / "plate" / "torso_frames.npy")


def test_what_is_written_beside_a_dataset_is_hidden_and_goes_again(tmp_path):
    neighbour = tmp_path / "anna.part"
    neighbour.mkdir()
    first = make_video_dataset(tmp_path / "anna", frames=26, size=32)
    second = make_video_dataset(tmp_path / "anna", frames=28, size=32)
    assert first.meta.fingerprint != second.meta.fingerprint
    assert len(open_video("anna", tmp_path)) == 28
    assert {path.name for path in tmp_path.iterdir()} == {"anna", "anna.part"}


def test_a_link_to_a_dataset_elsewhere_is_replaced_and_what_it_names_stays(tmp_path):
    make_video_dataset(tmp_path / "elsewhere", frames=26, size=32)
    (tmp_path / "anna").symlink_to(tmp_path / "elsewhere")
    for frames in (27, 28):
        make_video_dataset(tmp_path / "anna", frames=frames, size=32)
    assert (len(VideoDataset(tmp_path / "anna")), len(VideoDataset(tmp_path / "elsewhere"))) == (28, 26)
    assert {path.name for path in tmp_path.iterdir()} == {"anna", "elsewhere"}


def test_a_dataset_that_is_never_finished_leaves_what_was_there(tmp_path):
    made = make_video_dataset(tmp_path / "anna", frames=26, size=32)
    with pytest.raises(KeyError), DatasetWriter(made.path, frames=9, height=32, width=32):
        raise KeyError
    assert VideoDataset(made.path).meta == made.meta
    assert [path.name for path in tmp_path.iterdir()] == ["anna"]
