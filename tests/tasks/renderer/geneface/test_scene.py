"""The scene of an imported renderer: it comes back as it was written, and what is missing is said."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.renderer.geneface.scene import FILE, SHAPES, GenefaceScene, open_scene, scene_of
from utils.errors import DataError
from utils.files.arrays import save_arrays


def made_scene() -> GenefaceScene:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=(68, 3)).astype(np.float32), np.ones((68, 3), np.float32)
    cameras = np.tile(np.eye(4, dtype=np.float32), (5, 1, 1))
    return GenefaceScene(mean, std, cameras, rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), 1200.0)


def made_dataset() -> dict:
    samples = [{"idx": index, "c2w": np.diag([index + 1, 1, 1, 1]).astype(np.float32)} for index in (2, 0)]
    return {
        "idexp_lm3d_mean": np.ones(204), "idexp_lm3d_std": np.full(204, 2.0), "focal": 900,
        "bg_img": np.zeros((4, 4, 3), np.uint8), "train_samples": samples,
        "val_samples": [{"idx": 1, "c2w": np.diag([2, 1, 1, 1]).astype(np.float32)}],
    }  # fmt: skip


def test_a_scene_comes_back_as_it_was_written(tmp_path):
    scene = made_scene()
    scene.save(tmp_path / FILE)
    again = open_scene(tmp_path / FILE)
    assert again.focal == 1200
    for name in set(SHAPES) - {"focal"}:
        np.testing.assert_array_equal(getattr(again, name), getattr(scene, name))


def test_a_scene_that_is_missing_or_something_else_is_named_with_the_command(tmp_path):
    again = f"python tasks/import_checkpoint.py {tmp_path / 'trainval_dataset.npy'}"
    with pytest.raises(DataError) as error:
        open_scene(tmp_path / FILE)
    assert str(error.value) == (
        f"No scene at {tmp_path / FILE}: the renderer needs cameras and background. Make it: {again}"
    )
    save_arrays(tmp_path / FILE, {"landmarks_mean": np.zeros((68, 2), np.float32)})
    with pytest.raises(DataError) as error:
        open_scene(tmp_path / FILE)
    assert str(error.value) == f"{tmp_path / FILE} is not a scene (landmarks_mean). Make it anew: {again}"


def test_a_dataset_gives_its_scene_in_our_units_and_the_order_of_its_frames(tmp_path):
    scene = scene_of(made_dataset(), 3.0, tmp_path)
    assert (scene.landmarks_mean == 3).all()
    assert (scene.landmarks_std == 6).all()
    assert scene.cameras[:, 0, 0].tolist() == [1, 2, 3]
    assert scene.focal == 900


def test_landmarks_of_the_footage_are_kept_when_the_dataset_has_them(tmp_path):
    dataset = made_dataset()
    assert scene_of(dataset, 3.0, tmp_path).landmarks.shape == (0, 68, 3)
    for sample in (*dataset["train_samples"], *dataset["val_samples"]):
        sample["idexp_lm3d"] = np.full(204, sample["idx"], np.float32)
    scene = scene_of(dataset, 3.0, tmp_path)
    assert scene.landmarks[:, 0, 0].tolist() == [0, 3, 6]
    scene.save(tmp_path / FILE)
    np.testing.assert_array_equal(open_scene(tmp_path / FILE).landmarks, scene.landmarks)


def test_a_scene_without_landmarks_says_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match=r"has no landmarks of the footage, which mending needs\. Make it anew: python"):
        made_scene().person(None, tmp_path / FILE)


def test_a_dataset_that_lacks_something_is_refused_with_all_it_lacks(tmp_path):
    dataset = made_dataset()
    del dataset["bg_img"], dataset["focal"]
    with pytest.raises(DataError) as error:
        scene_of(dataset, 1.0, tmp_path)
    assert str(error.value) == f"{tmp_path} is no person's dataset of GeneFace: it lacks bg_img, focal."
    broken = made_dataset()
    broken["train_samples"][0]["c2w"] = np.full((4, 4), np.nan)
    with pytest.raises(DataError, match=r"1 of 3 frames have no pose \(c2w\)"):
        scene_of(broken, 1.0, tmp_path)
