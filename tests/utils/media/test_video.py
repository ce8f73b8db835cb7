from __future__ import annotations

import subprocess

import numpy as np
import pytest

from tests.patience import HANG_S
from utils.errors import DataError
from utils.media.ffmpeg import Stream, executable
from utils.media.video import VideoWriter, probe, read_frames


def ramp(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    frames = [np.full((height, width, 3), 20 + 8 * index, np.uint8) for index in range(count)]
    for frame in frames:
        frame[:, : width // 2, 0] = 200
    return frames


def write(path, frames, **kwargs):
    with VideoWriter(path, *frames[0].shape[:2], **kwargs) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_frames_come_back_in_order_and_colour(tmp_path):
    frames = ramp(12)
    path = write(tmp_path / "-a b.mp4", frames, crf=10)
    info = probe(path)
    assert (info.width, info.height, info.fps, info.frames, info.has_audio) == (48, 32, 25, 12, False)
    back = list(read_frames(path))
    assert len(back) == 12
    assert max(np.abs(a.astype(int) - b).max(axis=2)[4:-4, 4:16].max() for a, b in zip(frames, back, strict=True)) < 6


def test_the_same_frames_and_sound_give_the_same_bytes(tmp_path):
    sound = np.sin(np.arange(8000) / 20).astype(np.float32)
    first, second = (write(tmp_path / name, ramp(10), audio=sound).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert first == second
    info = probe(tmp_path / "a.mp4")
    assert info.has_audio
    assert info.frames == 10
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_odd_sizes_are_padded_by_the_edge(tmp_path):
    info = probe(write(tmp_path / "a.mp4", ramp(3, 31, 47)))
    assert (info.height, info.width) == (32, 48)


def test_rate_range_crop_and_size(tmp_path):
    path = write(tmp_path / "a.mp4", ramp(20), fps=50)
    assert len(list(read_frames(path, fps=25))) == 10
    part = list(read_frames(path, start=5, count=3))
    np.testing.assert_array_equal(part, list(read_frames(path))[5:8])
    (beyond,) = read_frames(path, crop=(-16, -8, 48, 32), size=(20, 32), count=1)
    assert beyond.shape == (20, 32, 3)
    assert beyond[:, :4, 0].min() > 180  # the left edge is red and is repeated


def test_a_late_start_is_waited_for(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", ramp(20))
    patience = []

    class Patient(Stream):
        def __init__(self, arguments, *, stall_s):
            patience.append(stall_s)
            super().__init__(arguments, stall_s=stall_s)

    monkeypatch.setattr("utils.media.video.Stream", Patient)
    for start in (0, 15):
        assert len(list(read_frames(path, start=start))) == 20 - start
    list(read_frames(path, start=90_000))  # an hour into the video
    assert patience[0] == 120
    assert patience[2] > 90_000 / 30


def test_a_turned_video_is_shown_upright(tmp_path):
    write(tmp_path / "a.mp4", ramp(3))
    command = [executable(), "-v", "error", "-nostdin", "-display_rotation:v:0", "90", "-i", str(tmp_path / "a.mp4")]
    subprocess.run([*command, "-c", "copy", str(tmp_path / "b.mp4")], check=True, timeout=HANG_S)
    assert (probe(tmp_path / "b.mp4").width, next(read_frames(tmp_path / "b.mp4")).shape) == (32, (48, 32, 3))


def test_a_failed_block_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), VideoWriter(tmp_path / "a.mp4", 16, 16) as writer:  # noqa: PT012
        writer.write(np.zeros((16, 16, 3), np.uint8))
        raise KeyError
    with pytest.raises(DataError, match="no frame"), VideoWriter(tmp_path / "a.mp4", 16, 16):
        pass
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_dies_is_an_error(tmp_path):
    failing = pytest.raises(DataError, match="could not be written")
    with failing, VideoWriter(tmp_path / "a.mp4", 64, 64) as writer:
        writer._stream._process.kill()
        for _ in range(100):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_reader_that_is_dropped_ends_its_process(tmp_path):
    reader = read_frames(write(tmp_path / "a.mp4", ramp(20)))
    next(reader)
    process = reader.gi_frame.f_locals["stream"]._process
    reader.close()
    assert process.poll() is not None


def test_what_is_no_video_is_said_in_one_line(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello")
    for name, reason in (("none.mp4", "does not exist"), ("empty.mp4", "is empty"), ("text.mp4", "is not a video")):
        with pytest.raises(DataError, match=reason) as error:
            probe(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_folder_is_neither_read_nor_written_over(tmp_path):
    with pytest.raises(DataError, match="is not a file"):
        probe(tmp_path)
    with pytest.raises(DataError, match="is a folder"), VideoWriter(tmp_path, 32, 32):
        pass
    assert tmp_path.is_dir()


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", ramp(2))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(DataError, match="may not be read"):
        probe(path)
    with pytest.raises(DataError, match="cannot be read"):
        probe(tmp_path / ("x" * 300))


def ffmpeg(*arguments):
    subprocess.run([executable(), "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, timeout=HANG_S)


def test_sound_and_picture_keep_their_distance_whichever_starts_later(tmp_path):
    from utils.media.wav import read_wav, write_wav

    click = np.zeros(32_000, np.float32)
    click[16_000:16_100] = 0.9
    write_wav(tmp_path / "click.wav", click)
    video = write(tmp_path / "v.mp4", ramp(25), crf=4)

    def lateness(path):
        """Return seconds from the first picture that has changed to the click."""
        levels = [int(frame[16, 40].mean()) for frame in read_frames(path, fps=25)]
        changed = next(index for index, level in enumerate(levels) if level > levels[0] + 4)
        return np.argmax(np.abs(read_wav(path)) > 0.3) / 16_000 - changed / 25

    for name, first, second in (("a", "0", "0"), ("b", "0.4", "0"), ("c", "0", "0.4")):
        sources = ["-itsoffset", first, "-i", video, "-itsoffset", second, "-i", tmp_path / "click.wav"]
        ffmpeg(*sources, "-map", "0:v", "-map", "1:a", "-c:v", "copy", tmp_path / f"{name}.mkv")
        expected = 1 - 0.04 - float(first) + float(second)
        assert lateness(tmp_path / f"{name}.mkv") == pytest.approx(expected, abs=0.021)


def test_a_changing_rate_becomes_25_frames_at_the_right_times(tmp_path):
    video = write(tmp_path / "v.mp4", ramp(24), crf=4)
    chosen = "select='lt(n,8)+not(mod(n,3))'"
    ffmpeg("-i", video, "-vf", chosen, "-fps_mode", "vfr", "-crf", "4", tmp_path / "changing.mp4")
    levels = [round((int(frame[16, 40].mean()) - 20) / 8) for frame in read_frames(tmp_path / "changing.mp4", fps=25)]
    assert levels == [*range(8), 7, *(9 + 3 * (k // 3) for k in range(len(levels) - 9))]


def test_a_video_that_lies_on_its_side_is_turned_the_right_way(tmp_path):
    write(tmp_path / "a.mp4", ramp(3), crf=4)  # its left half is red
    for degrees, side in ((90, "below"), (-90, "above")):
        turned = tmp_path / f"{degrees}.mov"
        ffmpeg("-display_rotation:v:0", degrees, "-i", tmp_path / "a.mp4", "-c", "copy", turned)
        frame = next(read_frames(turned))
        red = frame[28:, :, 0] if side == "below" else frame[:20, :, 0]
        assert frame.shape == (48, 32, 3)
        assert red.min() > 170
        assert frame[..., 0].min() < 60


def test_wide_pixels_make_a_wider_picture(tmp_path):
    frames = [np.full((64, 72, 3), 40, np.uint8) for _ in range(3)]
    for frame in frames:
        frame[16:48, 24:48] = 220  # 32 high and 24 wide: a square, when a pixel is 4:3
    write(tmp_path / "a.mp4", frames, crf=4)
    ffmpeg("-i", tmp_path / "a.mp4", "-vf", "setsar=4/3", "-crf", "4", tmp_path / "wide.mov")
    assert (probe(tmp_path / "wide.mov").width, probe(tmp_path / "wide.mov").height) == (96, 64)
    bright = next(read_frames(tmp_path / "wide.mov"))[..., 1] > 130
    assert (bright.any(axis=0).sum(), bright.any(axis=1).sum()) == (32, 32)


@pytest.mark.parametrize("rate", [10, 60])
def test_any_rate_becomes_25_frames_a_second_at_the_right_times(tmp_path, rate):
    path = write(tmp_path / "a.mp4", [np.full((32, 48, 3), 20 + 3 * k, np.uint8) for k in range(rate)], fps=rate, crf=2)
    shown = [(int(frame[16, 24, 1]) - 20) / 3 / rate for frame in read_frames(path, fps=25)]  # seconds
    assert len(shown) == 25
    late = [index / 25 - time_s for index, time_s in enumerate(shown)]
    assert min(late) > -0.04
    assert max(late) < 1 / rate + 0.03  # a picture stays until the next one comes


def test_a_cover_is_not_the_film(tmp_path):
    film = write(tmp_path / "film.mp4", ramp(5))
    cover = write(tmp_path / "cover.mp4", [np.full((200, 200, 3), 250, np.uint8)])
    both = tmp_path / "episode.mp4"
    ffmpeg("-i", cover, "-i", film, "-map", "0:v", "-map", "1:v", "-c:v:0", "mjpeg", "-disposition:v:0", "attached_pic",
           "-c:v:1", "copy", both)  # fmt: skip
    assert (probe(both).width, probe(both).height) == (48, 32)
    assert [frame.shape for frame in read_frames(both)] == [(32, 48, 3)] * 5


def test_any_name_is_read(tmp_path):
    film = write(tmp_path / "film.mp4", ramp(5))
    for name in ("我的 视频/采访 (1)'s 100%.mp4", "a=b, c: [d];%03d.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(film.read_bytes())
        assert len(list(read_frames(path, fps=25))) == 5
