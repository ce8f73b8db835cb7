"""A dataset is written aside, and what was there stays until it is whole."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from data_gen.video.convert import refuse_long_split
from data_gen.video.dataset import VideoDataset, open_video
from data_gen.video.dataset_writer import DatasetWriter, dataset_settings
from data_gen.video.job import VideoJob
from data_gen.video.pipeline import process_video
from tests.made import make_video_dataset
from utils.errors import DataError


def test_frames_are_on_the_disk_once(done):
    job, data = done
    assert (data.path / "frames.safetensors").samefile(job.processed / "convert" / "frames.safetensors")
    assert (data.path / "torso_frames.safetensors").samefile(job.processed / "plate" / "torso_frames.safetensors")


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
    with pytest.raises(KeyError), DatasetWriter(made.path):
        raise KeyError
    assert VideoDataset(made.path).meta == made.meta
    assert [path.name for path in tmp_path.iterdir()] == ["anna"]


def test_the_split_that_is_asked_for_makes_another_dataset_of_the_same_stages(done, tmp_path):
    job, data = done
    shutil.copytree(job.data_dir, tmp_path / "data")
    asked = dataclasses.replace(job, data_dir=tmp_path / "data", val_seconds=0.6, train_seconds=1.0)
    again = process_video(asked)
    assert (again.shots("train"), again.shots("val")) == ([(0, 25)], [(len(data) - 15, len(data))])
    assert again.meta.fingerprint != data.meta.fingerprint
    assert again.meta.source == data.meta.source
    assert (again.path / "frames.safetensors").samefile(asked.processed / "convert" / "frames.safetensors")


def test_a_split_that_a_video_is_too_short_for_is_refused_with_both_lengths(done):
    job, data = done
    before = data.meta
    with pytest.raises(DataError, match=r"gives 2\.4 s: too short to hold out 2\.0 s .* to learn from 1\.0 s"):
        process_video(dataclasses.replace(job, val_seconds=2.0, train_seconds=1.0))
    assert VideoDataset(data.path).meta == before
    with pytest.raises(DataError, match=r"too short to hold out and to learn from 101\.0 s"):
        refuse_long_split(dataclasses.replace(job, val_seconds=100.0, train_seconds=1.0), 2.4)


def test_a_split_that_nobody_asked_for_leaves_a_stage_as_it_was():
    assert set(dataset_settings(VideoJob("anna", Path("x")))) == {"licence", "consent"}
