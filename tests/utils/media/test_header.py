"""Titles, comments and names of files say nothing of a video's form."""

from __future__ import annotations

import numpy as np
import pytest

from utils.errors import DataError
from utils.media.ffmpeg import input_arguments, run
from utils.media.header import parse_report, read_header
from utils.media.video import VideoWriter, probe, read_frames

REPORT = """[mov @ 0x1] a warning
Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/a/b.mp4':
  Metadata:
    title           : {title}
  Duration: 00:01:02.50, start: 0.000000, bitrate: 68 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 64x48 [SAR 1:1 DAR 4:3], 25 fps, 25 tbr
      Metadata:
        handler_name    : VideoHandler
      Side data:
        Display Matrix: rotation of -90.00 degrees
  Stream #0:1[0x2](eng): Audio: aac (LC), 16000 Hz, mono, fltp, 1 kb/s (default)
  Stream #0:2: Video: mjpeg, yuvj420p, 300x300, 90k tbr (attached pic)
At least one output file must be specified
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    with VideoWriter(path, 48, 64, 25, np.sin(np.arange(48_000) / 20).astype(np.float32)) as writer:
        for grey in range(75):
            writer.write(np.full((48, 64, 3), 3 * grey, np.uint8))
    return path


def test_form_is_read_from_its_places():
    header = parse_report(REPORT.format(title="x"), "b.mp4")
    assert header.duration_s == 62.5
    assert [stream.kind for stream in header.streams] == ["Video", "Audio", "Video"]
    assert [stream.rotation for stream in header.streams] == [270, 0, 0]
    assert len(header.of_kind("Video")) == 1


@pytest.mark.parametrize("fact", ["  Duration: 00:00:01.00, start", "  Stream #0:0: Video: h264, 9x9, 5 fps"])
def test_a_fact_that_stands_twice_is_not_believed(fact):
    with pytest.raises(DataError, match=r"b\.mp4: its name or its tags look like"):
        parse_report(REPORT.format(title="x\n" + fact + ", y"), "b.mp4")


@pytest.mark.parametrize(
    "tag",
    [
        "title=Head poses: rotation of 90 degrees",
        "comment=Duration: 00:00:01.00",
        "comment=  Duration: 00:00:01.00, start: 0, bitrate: 1 kb/s",
        "title=x\n  Stream #0:0: Video: h264, yuv420p, 24x128, 25 fps",
        "title=x\u2028  Stream #0:0: Video: h264, yuv420p, 24x128, 25 fps",
        "title=x\u0085  Stream #0:0: Video: h264, yuv420p, 24x128, 25 fps",
        "title=x\r  Stream #0:0: Video: h264, yuv420p, 24x128, 25 fps",
        "title=Display Matrix: rotation of 90.00 degrees",
        "Display Matrix: rotation of 90.00 degrees=",
        "comment= Audio: aac",
    ],
)
def test_words_in_tags_are_not_taken_for_the_form(plain, tmp_path, tag):
    file = tmp_path / "tagged.mkv"
    run([*input_arguments(plain), "-c", "copy", "-metadata", tag, "-y", f"file:{file}"], 60, "tagging")
    info = probe(file)
    assert (info.width, info.height, info.rotation, info.fps) == (64, 48, 0, 25)
    assert info.duration_s == pytest.approx(3, abs=0.1)
    assert next(read_frames(file)).shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["rotation of 90 degrees.mp4", "Duration: 00:00:01.00/a.mp4", "  Stream #0:0: V.mp4"])
def test_names_are_not_taken_for_the_form(plain, tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(plain.read_bytes())
    assert (probe(file).width, probe(file).rotation, round(probe(file).duration_s)) == (64, 0, 3)


def test_a_name_made_up_as_a_report_is_refused_in_words(plain, tmp_path):
    file = tmp_path / "x\n  Duration: 00:00:01.00, start: 0\n.mp4"
    file.write_bytes(plain.read_bytes())
    with pytest.raises(DataError, match="its form cannot be told"):
        read_header(file)


@pytest.mark.parametrize(("profile", "own"), [(5, True), (8, False)])
def test_dolby_vision_in_colours_of_its_own_is_known(profile, own):
    report = (
        "Input #0, mov,mp4, from 'file:/a.mp4':\n  Duration: 00:00:02.00, start: 0.000000, bitrate: 100 kb/s\n"
        "  Stream #0:0[0x1](und): Video: hevc (Main 10) (hev1 / 0x31766568), yuv420p10le(tv), 64x48, 25 fps (default)\n"
        "      Side data:\n"
        f"        DOVI configuration record: version: 1.0, profile: {profile}, level: 1, rl flag: 1, el flag: 0, "
        "bl flag: 1, compatibility id: 0, compression: 0\n"
    )
    assert [stream.own_colours for stream in parse_report(report, "a.mp4").streams] == [own]
