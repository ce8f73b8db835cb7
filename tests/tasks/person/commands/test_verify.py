"""`verify` tells what a file bears, of which run, and ends with the code that says so."""

import hashlib
import json

import numpy as np
import pytest

from tasks.person.commands.verify import main
from tasks.person.settings import VerifyCommand
from tests.utils.media.marks.made import film
from utils.media.ffmpeg import run
from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin
from utils.media.pictures import write_picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    (folder / "checkpoints/anna/lm3d_nerf").mkdir(parents=True)
    (folder / "checkpoints/anna/lm3d_nerf/model_ckpt_steps_5.ckpt").write_bytes(b"weights")
    origin = Origin("film", "anna/lm3d_nerf", hashlib.sha256(b"weights").hexdigest(), "agreed")
    film(folder / "made.mp4", Marks(origin, "zh"), size=160)
    film(folder / "true.mp4", size=160)
    arguments = ["-y", "-i", f"file:{folder / 'made.mp4'}", "-map_metadata", "-1", "-crf", "28"]
    run([*arguments, f"file:{folder / 'sent.mp4'}"], 60, "sending")
    grey = np.full((160, 160, 3), 120, np.uint8)
    write_picture(folder / "made.png", grey, Marks(Origin("picture", "anna/face", "12" * 32)))
    (folder / "rubbish.mp4").write_bytes(b"rubbish" * 100)
    (folder / "rubbish.png").write_bytes(b"\x89PNG" + b"rubbish" * 100)
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def verify(*names: str) -> int:
    return main(VerifyCommand(files=names))


def test_a_film_tells_everything(capsys):
    assert verify("made.mp4") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "made.mp4: made by this program"
    assert "trainedAlgorithmicMedia, signed with this machine's certificate, unchanged since" in lines[1]
    assert "by Vizeme" in lines[2]
    assert lines[3].startswith("  pattern   film, run ")
    assert lines[4:] == ["  label     人工智能生成", "  run       anna/lm3d_nerf"]


def test_what_was_sent_on_is_known_by_its_pattern_and_the_run_is_found_here(capsys):
    assert verify("sent.mp4") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["  manifest  none", "  tags      none of ours"]
    assert lines[5] == "  run       anna/lm3d_nerf"


def test_a_picture(capsys):
    assert verify("made.png") == 0
    assert "run       anna/face" in capsys.readouterr().out


def test_true_footage_bears_none(capsys):
    assert verify("true.mp4") == 1
    assert capsys.readouterr().out.startswith("true.mp4: bears no mark of this program\n")


@pytest.mark.parametrize("name", ["rubbish.mp4", "rubbish.png", "nowhere.mp4"])
def test_what_cannot_be_read_is_one_line(name, capsys):
    assert verify("made.png", name, "true.mp4") == 2
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(name)]
    assert len(lines) == 1
    assert "error: " in lines[0]


def test_as_json(capsys):
    assert main(VerifyCommand(files=("made.mp4", "true.mp4", "nowhere.mp4"), json_=True)) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["made.mp4"]["made_by_this_program"]
    assert report["made.mp4"]["manifest"]["unchanged"]
    assert report["made.mp4"]["pattern"]["word"]["kind"] == "film"
    assert not report["true.mp4"]["made_by_this_program"]
    assert list(report["nowhere.mp4"]) == ["error"]
