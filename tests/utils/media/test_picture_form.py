"""A phone's HDR, a camcorder's fields and a meeting's sizes come out as ordinary pictures."""

from __future__ import annotations

import numpy as np
import pytest

from utils.media.ffmpeg import run
from utils.media.header import StreamHeader
from utils.media.picture_form import PictureForm, picture_form
from utils.media.video import VideoWriter, probe, read_frames

SKIN = (130, 79, 60)
WHITE = (235, 235, 235)


def form_of(said: str) -> PictureForm | None:
    return picture_form(StreamHeader("Video", said))


def test_what_a_stream_says_is_read_from_its_place():
    phone = form_of(
        "hevc (Main 10) (hvc1 / 0x31637668), yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67, progressive), 1920x1080, "
        "30 fps"
    )
    assert phone is not None
    assert (phone.width, phone.height, phone.hdr, phone.interlaced) == (1920, 1080, "HLG", False)
    assert phone.treatment == "HDR (HLG), tone-mapped to BT.709"
    camcorder = form_of("mpeg2video (Main), yuv420p(tv, top first), 720x576 [SAR 64:45 DAR 16:9], 25 fps")
    assert camcorder is not None
    assert (camcorder.interlaced, camcorder.pixel, camcorder.foreign_colours) == (True, (64, 45), False)
    swapped = form_of("h264 (High), yuv420p(tv, bt709, bottom coded first (swapped)), 1920x1080, 25 fps")
    assert swapped is not None
    assert swapped.interlaced
    plain = form_of("h264 (High), yuv420p(tv, bt709, progressive), 64x48 [SAR 0:1 DAR 4:3], 25 fps")
    assert plain == PictureForm(64, 48, pixel_format="yuv420p")
    assert (plain.treatment, plain.last_filters()) == ("", [])
    assert form_of("h264, none, 25 fps") is None


def film(path, colour, arguments, frames=6):
    """Write a plain colour with a white stripe, encoded by `arguments`."""
    picture = np.full((64, 96, 3), colour, np.uint8)
    picture[:, :24] = WHITE
    with VideoWriter(path.with_suffix(".plain.mp4"), 64, 96, crf=4) as writer:
        for _ in range(frames):
            writer.write(picture)
    run(["-y", "-i", str(path.with_suffix(".plain.mp4")), *arguments, str(path)], 30, "encoding")
    return path


def coded(transfer: str, primaries: str, matrix: str) -> list[str]:
    bt709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    linear = f"{bt709},zscale=t=linear:npl=203,format=gbrpf32le,zscale=p={primaries}"
    chain = f"{linear},zscale=t={transfer}:m={matrix}:r=tv:npl=203,format=yuv420p10le"
    colours = ["-color_primaries", primaries, "-color_trc", transfer, "-colorspace", matrix]
    return ["-vf", chain, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "4", *colours]


@pytest.mark.parametrize(
    ("transfer", "primaries", "matrix"),
    [
        ("arib-std-b67", "bt2020", "bt2020nc"),
        ("smpte2084", "bt2020", "bt2020nc"),
        ("bt709", "smpte432", "bt709"),
    ],
)
def test_other_colours_look_as_they_were_meant(tmp_path, transfer, primaries, matrix):
    video = film(tmp_path / "a.mov", SKIN, coded(transfer, primaries, matrix))
    assert probe(video).form.treatment
    for options in ({}, {"crop": (31, 1, 95, 63), "size": (20, 30)}):
        frame = next(read_frames(video, **options))
        np.testing.assert_allclose(frame[5:-5, -10:].mean((0, 1)), SKIN, atol=4)
    assert next(read_frames(video))[:, 4:16].min() > 215


def test_fields_of_two_moments_do_not_comb(tmp_path):
    with VideoWriter(tmp_path / "moving.mp4", 64, 96, 50, crf=4) as writer:
        for index in range(20):
            picture = np.full((64, 96, 3), 128, np.uint8)
            picture[:, 3 * index : 3 * index + 20] = 235
            writer.write(picture)
    fields = ["-vf", "interlace=scan=tff:lowpass=off", "-r", "25", "-flags", "+ilme+ildct", "-c:v", "mpeg2video"]
    run(["-y", "-i", str(tmp_path / "moving.mp4"), *fields, "-q:v", "2", str(tmp_path / "a.mpg")], 30, "encoding")
    assert probe(tmp_path / "a.mpg").form.interlaced
    frames = [frame.astype(int) for frame in read_frames(tmp_path / "a.mpg", fps=25)]
    assert len(frames) in (9, 10)  # whether the last field has a partner is the encoder's affair
    combs = [np.abs(frame[2:-2] - (frame[1:-3] + frame[3:-1]) / 2).mean() for frame in frames]
    assert max(combs) < 1  # it is 5 to 8 when both moments stay in one picture


@pytest.mark.parametrize("second", [(32, 48), (64, 48)], ids=["smaller", "another shape"])
def test_a_size_that_changes_in_mid_stream_keeps_time_and_shape(tmp_path, second):
    parts = []
    for name, (height, width) in (("1", (64, 96)), ("2", second)):
        with VideoWriter(tmp_path / f"{name}.mp4", height, width, crf=4) as writer:
            for _ in range(10):
                writer.write(np.full((height, width, 3), SKIN, np.uint8))
        webm = ["-c:v", "libvpx", "-b:v", "1M", "-deadline", "realtime", str(tmp_path / f"{name}.webm")]
        run(["-y", "-i", str(tmp_path / f"{name}.mp4"), *webm], 30, "encoding")
        parts.append(f"file {name}.webm\n")
    (tmp_path / "list.txt").write_text("".join(parts))
    joined = tmp_path / "joined.webm"
    run(["-y", "-f", "concat", "-i", str(tmp_path / "list.txt"), "-c", "copy", str(joined)], 30, "joining")
    sizes: dict[float, tuple[int, int]] = {}
    frames = list(read_frames(joined, fps=25, sizes=sizes))
    assert [frame.shape for frame in frames] == [(64, 96, 3)] * 20
    assert list(sizes.values()) == [second[::-1]]
    assert next(iter(sizes)) == pytest.approx(0.4, abs=0.02)
    np.testing.assert_allclose(frames[-1][10:-10, 40:56].mean((0, 1)), SKIN, atol=6)
    sides = frames[-1][:, :16].mean()
    assert sides < 20 if second == (64, 48) else sides > 60  # bars rather than a wider face
