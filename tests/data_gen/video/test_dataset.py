from __future__ import annotations

import json
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

from data_gen.video.dataset import VideoDataset, open_video
from tests.made import make_video_dataset
from utils.camera import project
from utils.errors import DataError
from utils.faces.landmarks import from_offsets
from utils.files.arrays import load_arrays, save_arrays


def test_shots_end_at_cuts_and_at_the_split(tmp_path):
    data = make_video_dataset(tmp_path / "anna", frames=60, size=32)
    assert (data.meta.cuts, data.meta.val_start) == ([30], 48)
    assert data.shots() == [(0, 30), (30, 60)]
    assert data.shots("train") == [(0, 30), (30, 48)]
    assert data.shots("val") == [(48, 60)]
    assert list(data.frame_ids("val")) == list(range(48, 60))


def test_what_is_left_out_is_no_shot(tmp_path):
    data = make_video_dataset(tmp_path / "anna", frames=60, size=32)
    data.meta = data.meta.model_copy(update={"left_out": [(10, 20), (50, 60)], "cuts": [10, 20, 50]})
    assert data.shots() == [(0, 10), (20, 50)]
    assert data.shots("val") == [(48, 50)]
    assert list(data.frame_ids()) == [*range(10), *range(20, 50)]
    assert list(np.flatnonzero(~data.kept)) == [*range(10, 20), *range(50, 60)]


def test_frames_do_not_travel_to_workers(tmp_path):
    data = make_video_dataset(tmp_path / "anna", frames=60, size=32)
    assert data.frames.shape == (60, 32, 32, 3)
    assert data.audio("mel").shape == (120, 80)
    sent = bytes(ForkingPickler.dumps(data))
    assert len(sent) < 4000
    np.testing.assert_array_equal(ForkingPickler.loads(sent).frames, data.frames)


@pytest.mark.parametrize("imagined", [0.0, 0.4])
def test_landmarks_are_carried_to_poses_that_are_put_right_and_seen_where_they_were(tmp_path, imagined):
    data, frames = make_video_dataset(tmp_path / "made", frames=20, size=64), np.array([3, 9, 4])
    landmarks = data.landmarks[frames] + np.float32(imagined)

    def seen(values):
        points, cameras = from_offsets(values.astype(np.float64)), data.world_from_camera[frames].astype(np.float64)
        return project(points, cameras, data.meta.focal_px, 32, 32)

    before = seen(landmarks)
    errors = np.zeros((20, 6), np.float32)
    errors[3] = [0.02, -0.03, 0.01, 0.05, -0.02, 0.1]
    data.put_right(errors)
    carried = data.carried(landmarks, frames)
    np.testing.assert_allclose(seen(carried), before, atol=1e-3)
    moved = np.abs(carried - landmarks).max(axis=(1, 2))
    assert moved[0] > 0.1
    assert moved[1:].max() < 1e-4
    np.testing.assert_allclose(carried[..., 2], landmarks[..., 2], atol=1e-4)
    np.testing.assert_array_equal(data.landmarks[frames] + np.float32(imagined), landmarks)  # as processing has them
    travelled = ForkingPickler.loads(ForkingPickler.dumps(data))
    np.testing.assert_array_equal(travelled.world_from_camera, data.world_from_camera)
    data.put_right(np.zeros((20, 6), np.float32))  # of what processing found, and not of what was put right before
    np.testing.assert_allclose(seen(landmarks), before, atol=1e-3)
    data.put_right(None)
    assert data.carried(landmarks, frames) is landmarks


def test_a_dataset_made_again_while_it_is_open_is_not_mixed(tmp_path):
    opened = make_video_dataset(tmp_path / "anna", frames=60, size=32)
    first = opened.frames
    make_video_dataset(tmp_path / "anna", frames=50, size=32)
    assert first.shape[0] == 60  # what is mapped stays
    with pytest.raises(DataError, match="was made again, or is gone"):
        _ = opened.head_mask


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version"), ({"frames": 0}, "frames"), ({"extra": 1}, "extra"),
        ({"cuts": [2**70]}, "a cut lies beyond"), ({"left_out": [[9, 3]]}, "left_out is no list"),
        ({"left_out": [[0, 26]]}, "left_out leaves nothing"), ({"focal_px": float("inf")}, "focal_px"),
    ],
)  # fmt: skip
def test_a_dataset_of_another_version_is_refused(tmp_path, change, reason):
    made = make_video_dataset(tmp_path / "anna", frames=26, size=32)
    meta = json.loads((made.path / "meta.json").read_text())
    (made.path / "meta.json").write_text(json.dumps(meta | change))
    with pytest.raises(DataError, match=rf"meta\.json: {reason}.*Process the video again"):
        VideoDataset(made.path)


def test_a_wrong_id_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"python data_gen/run\.py video --id bert --video"):
        open_video("bert", tmp_path)


@pytest.mark.parametrize("fps", [0, 25.5, "25 a second"])
def test_another_rate_than_that_of_a_dataset_is_refused(tmp_path, fps):
    file = make_video_dataset(tmp_path / "anna", frames=26, size=32).path / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"fps": fps}))
    with pytest.raises(DataError, match=r"meta\.json.*fps"):
        VideoDataset(tmp_path / "anna")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("landmarks", np.zeros((26, 5, 3), np.float32)), ("landmarks_mean", np.zeros((3, 3), np.float32)),
        ("world_from_camera", np.full((26, 4, 4), 1e30, np.float32)), ("landmarks", np.zeros((9, 68, 3), np.float32)),
    ],
)  # fmt: skip
def test_arrays_of_another_form_are_told_and_not_computed_with(tmp_path, name, wrong):
    made = make_video_dataset(tmp_path / "anna", frames=26, size=32)
    file = made.path / "motion.safetensors"
    save_arrays(file, load_arrays(file) | {name: wrong})
    with pytest.raises(DataError, match=rf"motion\.safetensors, {name}: .* or process the video again"):
        VideoDataset(made.path).motion(name)


def test_a_dataset_beside_the_runs_is_found_from_elsewhere(tmp_path, monkeypatch):
    make_video_dataset(tmp_path / "data/binary/videos/anna", frames=26, size=32)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="No processed video"):
        open_video("anna")
    monkeypatch.setenv("VIZEME_HOME", str(tmp_path))
    assert open_video("anna").meta.frames == 26


def test_a_person_is_found_in_both_forms_of_unicode(tmp_path):
    made = make_video_dataset(tmp_path / "Jose\u0301", frames=24, size=32)
    for name in ("Jos\u00e9", "Jose\u0301"):
        assert open_video(name, tmp_path).path == made.path


def test_a_dataset_without_features_of_sound_is_one_that_was_unpacked(tmp_path):
    made = make_video_dataset(tmp_path / "made", frames=24, size=32)
    assert not made.unpacked
    written = json.loads((made.path / "meta.json").read_text())
    (made.path / "meta.json").write_text(json.dumps(written | {"audio_features": {}}))
    assert VideoDataset(made.path).unpacked
    with pytest.raises(DataError, match="and not all its footage"):
        VideoDataset(made.path).refuse_unpacked()
