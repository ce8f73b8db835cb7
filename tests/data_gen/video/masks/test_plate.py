from __future__ import annotations

import numpy as np

from data_gen.video.masks.plate import background_plate, fill, paint_plates, remove_head
from utils.media.picture_file import open_pictures

SIZE = 128
SKIN, CLOTH, HAIR = (200, 150, 130), (60, 60, 70), (40, 30, 20)


def person(x: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw a head at column x on a fixed torso before a wall that is brighter to the right."""
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    wall = np.stack([60 + xx, 80 + 0 * xx, 200 - xx], axis=-1).astype(np.uint8)
    frame = wall.copy()
    neck = (np.abs(xx - 64) < 12) & (yy > 70) & (yy < 100)
    cloth = (yy >= 100) & (np.abs(xx - 64) < 45)
    head = ((xx - x) / 22) ** 2 + ((yy - 50) / 32) ** 2 < 1
    frame[neck], frame[cloth], frame[head] = SKIN, CLOTH, HAIR
    masks = [255 * mask.astype(np.uint8) for mask in (head, neck & ~head, (neck | cloth) & ~head)]
    return frame, *masks, wall


def video() -> list[np.ndarray]:
    return [np.stack(parts) for parts in zip(*(person(x) for x in range(52, 77, 2)), strict=True)]


def test_the_wall_is_what_is_seen_of_it_and_smooth_where_it_is_not():
    frames, head, _, torso, wall = video()
    plate, known = background_plate(frames, head, torso)
    assert 0.3 < known.mean() < 0.9
    np.testing.assert_array_equal(plate[known], wall[0][known])
    assert np.abs(plate[20:70].astype(int) - wall[0][20:70]).max() < 30  # behind the head, never seen


def test_filling_keeps_what_is_known_and_a_slope():
    slope = np.tile(np.linspace(0, 200, 64, dtype=np.float32)[None, :, None], (64, 1, 3))
    weight = np.ones((64, 64), np.float32)
    weight[20:40, 20:40] = 0
    filled = fill(slope * weight[..., None], weight)
    np.testing.assert_array_equal(filled[weight > 0], slope[weight > 0])
    assert np.abs(filled - slope).max() < 25


def test_the_head_goes_and_the_neck_goes_on():
    frame, head, neck, torso, wall = person(64)
    bare = remove_head(frame, head, neck, torso, wall).astype(int)
    assert np.abs(bare[:50] - wall[:50]).max() <= 2  # no trace of hair
    assert np.abs(bare[72:80, 60:68] - SKIN).max() < 40  # neck where the chin was
    np.testing.assert_array_equal(bare[110:, 30:100], frame[110:, 30:100])
    put_back = np.where(head[..., None] > 127, frame, bare)
    assert np.abs(put_back.astype(int) - frame).max() <= 45  # no seam under the chin
    assert np.abs(put_back.astype(int) - frame).mean() < 0.5


def test_a_frame_without_a_person_stays():
    wall = person(64)[-1]
    none = np.zeros(wall.shape[:2], np.uint8)
    np.testing.assert_array_equal(remove_head(wall, none, none, none, wall), wall)


def test_files_have_the_frames_shape(tmp_path):
    frames, head, neck, torso, _ = video()
    said = paint_plates(frames, head, neck, torso, tmp_path, lambda done, total: None)
    assert 0 < said["background_seen"] < 1
    assert open_pictures(tmp_path, "torso_frames", "").shape == frames.shape
    assert np.load(tmp_path / "background.npy").shape == frames.shape[1:]


def test_a_hand_that_passes_by_leaves_no_ghost():
    wall = np.tile((60 + np.arange(SIZE)).astype(np.uint8)[None, :, None], (SIZE, 1, 3))
    frames = np.stack([wall] * 48)
    nobody = np.zeros(frames.shape[:3], np.uint8)
    torso = nobody.copy()
    frames[20:, 60:100, 40:90], torso[20:, 60:100, 40:90] = CLOTH, 255  # later the person is there
    rng = np.random.default_rng(0)
    for index in range(12):  # of the 20 frames in which the wall is seen there, a waving hand has 12
        frames[index, 60:100, 30:100] = rng.integers(170, 255, (40, 70, 3))
    plate, known = background_plate(frames, nobody, torso)
    assert known.all()
    assert np.abs(plate.astype(int) - wall)[60:100, 30:100].mean() < 3  # it is 15 with the hand's colours
    still = np.stack([wall] * 48)
    np.testing.assert_array_equal(background_plate(still, nobody, nobody)[0], wall)


def test_frames_that_are_left_out_are_not_in_the_plate():
    frames, head, _, torso, wall = video()
    kept = np.ones(len(frames), bool)
    kept[:6] = False
    frames[:6], head[:6], torso[:6] = 255, 0, 0
    plate, known = background_plate(frames, head, torso, kept)
    np.testing.assert_array_equal(plate[known], wall[0][known])
