"""Pictures in a file are read as from an array; a part costs its tiles alone, and what was damaged is told."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest

from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.media import picture_file
from utils.media.picture_file import SIDE, PictureFile, PictureWriter, open_pictures

AGAIN = "Process the video again."


def soft(count: int, height: int, width: int) -> np.ndarray:
    """Draw pictures (count, height, width, 3) that are as smooth as filmed ones, each a little different."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x + 3 * k) / 9) * np.cos(y / (7 + channel)) for k in range(count) for channel in range(3)]
    return (128 + 90 * np.stack(waves)).reshape(count, 3, height, width).transpose(0, 2, 3, 1).astype(np.uint8)


def write(path, pictures: np.ndarray, **more: bool) -> PictureFile:
    with PictureWriter(path, pictures.shape[1:], **more) as out:
        for picture in pictures:
            out.add(picture)
    return PictureFile(path, AGAIN)


@pytest.mark.parametrize("kind", ["masks", "lossless"])
def test_every_value_comes_back_whatever_part_is_asked_for(tmp_path, kind):
    values = soft(3, SIDE + 37, 2 * SIDE + 5)
    values = values[..., 0] if kind == "masks" else values
    opened = write(tmp_path / "a.safetensors", values, lossless=kind == "lossless")
    assert (opened.shape, opened.ndim, opened.dtype, len(opened)) == (values.shape, values.ndim, values.dtype, 3)
    np.testing.assert_array_equal(opened, values)
    np.testing.assert_array_equal(np.stack(list(opened)), values)
    for place in (
        1, -1, np.int64(2), slice(1, None), slice(0, 0), [2, 0], np.array([0, 2]), (0, slice(100, 140)),
        (slice(None), slice(7, 9)),
        (2, slice(120, 130), slice(126, 260)), (1, slice(None), slice(-3, None)), (1, slice(5, 5)), (1, 130, 3),
        (1, slice(None, None, 2), slice(9, 0, -1)), (0, slice(None), -1), (1, ..., 0),
    ):  # fmt: skip
        np.testing.assert_array_equal(opened[place], values[place], err_msg=str(place))
    with pytest.raises(IndexError, match="picture 3 of 3"):
        opened[3]


def test_a_jpeg_is_visually_lossless_and_small(tmp_path):
    values = soft(4, 200, 200)
    opened = write(tmp_path / "a.safetensors", values)
    error = np.mean((np.asarray(opened).astype(float) - values) ** 2)
    assert 10 * np.log10(255**2 / error) > 45
    assert (tmp_path / "a.safetensors").stat().st_size < 0.4 * values.nbytes


def test_only_the_tiles_of_a_part_are_unpacked(tmp_path, monkeypatch):
    opened = write(tmp_path / "a.safetensors", soft(1, 3 * SIDE, 3 * SIDE))
    unpacked = []
    plain = picture_file._unpacked
    monkeypatch.setattr(picture_file, "_unpacked", lambda *tile: unpacked.append(1) or plain(*tile))
    _ = opened[0, SIDE - 1 : SIDE + 1, 5:9]
    assert len(unpacked) == 2
    _ = opened[0]
    assert len(unpacked) == 2 + 9


def test_threads_may_pack_and_read_at_once(tmp_path):
    values = soft(8, 64, 64)
    opened = write(tmp_path / "a.safetensors", values, lossless=True)
    wrong = []

    def read() -> None:
        wrong.extend(k for k in range(8) if not np.array_equal(opened[k], values[k]))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_flipped_bit_is_told_with_the_picture_and_the_others_are_read(tmp_path):
    file = tmp_path / "a.safetensors"
    opened = write(file, soft(3, 64, 64))
    place, size, _ = opened._file.rows("index", check=False)[1, 0].tolist()
    content = bytearray(file.read_bytes())
    content[opened._file._header.body + place + size // 2] ^= 16
    file.write_bytes(content)
    opened = PictureFile(file, AGAIN)
    _ = opened[0], opened[2]
    with pytest.raises(DataError, match=r"a\.safetensors is damaged: picture 1 is not what was written\. Process"):
        opened[1]


@pytest.mark.parametrize("damage", ["gone", "torn", "empty", "other arrays", "unfinished"])
def test_what_is_no_such_file_is_refused(tmp_path, damage):
    file = tmp_path / "a.safetensors"
    write(file, soft(2, 32, 32))
    if damage == "gone":
        file.unlink()
    elif damage == "other arrays":
        save_arrays(file, {"landmarks": np.zeros((3, 4), np.float32)})
    elif damage == "unfinished":
        with contextlib.suppress(KeyError), PictureWriter(file, (32, 32)) as writer:
            writer.add(np.zeros((32, 32), np.uint8))
            raise KeyError
    else:
        file.write_bytes(file.read_bytes()[: 0 if damage == "empty" else -30])
    with pytest.raises(DataError, match=r"a\.safetensors (is damaged|cannot be read).*Process the video again"):
        PictureFile(file, AGAIN)


@pytest.mark.parametrize("number", range(4))
def test_a_form_that_makes_no_sense_is_refused(tmp_path, number):
    file = tmp_path / "a.safetensors"
    write(file, soft(2, 32, 32))
    content = bytearray(file.read_bytes())
    content[len(content) - 32 + 8 * number + 6] = 1  # a height of 2 ** 48, and the like
    file.write_bytes(content)
    with pytest.raises(DataError, match="makes no sense"):
        PictureFile(file, AGAIN)


def arrays_of(values: np.ndarray, path) -> dict[str, np.ndarray]:
    opened = write(path, values)
    return {name: np.array(opened._file.rows(name, check=False)) for name in ("tiles", "index", "form")}


@pytest.mark.parametrize(("name", "change"), [
    ("form", lambda form: form.astype(np.float64) * np.nan),
    ("form", lambda form: np.array([1 << 14, 1 << 14, 0, 1])),  # a file of nothing with 268 million tiles
    ("index", lambda index: index.astype(np.float32)),
    ("index", lambda index: np.zeros((0, 1 << 28, 3), np.int64)),
    ("tiles", lambda tiles: tiles[:, None]),
    ("tiles", lambda tiles: tiles.astype(np.int64)),
])  # fmt: skip
def test_arrays_of_another_kind_are_refused_before_they_take_memory(tmp_path, name, change):
    file = tmp_path / "a.safetensors"
    arrays = arrays_of(soft(2, 32, 32), file)
    save_arrays(file, arrays | {name: change(arrays[name])})
    with pytest.raises(DataError, match=f"is damaged: its (form|{name}) makes no sense. Process"):
        PictureFile(file, AGAIN)


def test_looking_through_wants_tiles_one_after_the_other_and_nothing_else(tmp_path):
    file = tmp_path / "a.safetensors"
    arrays = arrays_of(soft(3, 64, 64), file)
    assert list(PictureFile(file, AGAIN).look_through()) == [0, 1, 2]
    twice, before, long = (arrays["index"].copy() for _ in range(3))
    twice[1] = twice[0]
    before[2, 0, 1] = -before[2, 0, 1]
    long[0, 0, 1] = 1 << 40
    for changed, text in (
        ({"index": twice}, "the tiles of picture 1 do not lie one after the other"),
        ({"index": before}, "the tiles of picture 2 do not lie one after the other"),
        ({"index": long}, "the tiles of picture 0 do not lie one after the other"),
        ({"tiles": np.append(arrays["tiles"], np.zeros(800, np.uint8))}, "there is more in it than pictures"),
        ({"tiles": arrays["tiles"] ^ np.uint8(1)}, "picture 0 is not what was written"),
    ):
        save_arrays(file, arrays | changed)
        with pytest.raises(DataError, match=text):
            list(PictureFile(file, AGAIN).look_through())


def test_a_tile_that_claims_another_size_is_not_decoded(tmp_path, monkeypatch):
    with PictureWriter(tmp_path / "a.safetensors", (40, 40, 3)) as out:
        (tile,) = out.pack(np.zeros((40, 40, 3), np.uint8))
        place = tile.index(b"\xff\xc0") + 5
        out.add([tile[:place] + (60000).to_bytes(2, "big") * 2 + tile[place + 4 :]])
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match="picture 0 is not what was written"):
        PictureFile(tmp_path / "a.safetensors", AGAIN)[0]


def test_a_picture_of_another_size_is_refused(tmp_path):
    with PictureWriter(tmp_path / "a.safetensors", (8, 9, 3)) as out, pytest.raises(ValueError, match=r"\(9, 8, 3\)"):
        out.add(np.zeros((9, 8, 3), np.uint8))


def test_arrays_of_an_earlier_version_are_opened_too(tmp_path):
    np.save(tmp_path / "frames.npy", np.full((2, 4, 4, 3), 7, np.uint8))
    assert open_pictures(tmp_path, "frames", AGAIN)[1, 2, 3].tolist() == [7, 7, 7]
    write(tmp_path / "frames.safetensors", np.zeros((5, 4, 4), np.uint8))
    assert open_pictures(tmp_path, "frames", AGAIN).shape == (5, 4, 4)
