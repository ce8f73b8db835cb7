"""Every command, used wrongly: a word too many, a number that makes no sense, food that is none, names that bite."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from data_gen import run as data_run
from tasks import export_checkpoint, import_checkpoint, run, talking_head
from tests.made import write_tone
from tests.made_faces import draw_face, make_faces, make_recogniser, make_speakers
from tests.made_heads import make_house
from tests.patience import HANG_S
from tests.reliability.hostile import SEED
from tests.reliability.hostile_commands import SLIPS
from tests.reliability.hostile_media import BAD_PICTURES, BAD_SOUNDS, GOOD_SOUNDS, picture, wav
from tests.reliability.test_hostile_lists import BAD_ARRAYS
from utils import assets
from utils.config.assignments import split_hparams, typed_assignment
from utils.paths import ROOT
from utils.visualization import contact_sheet, lm_visualizer

MISUSE, FOOD, SCRIPTS = "command lines", "commands given bad food", "shell scripts"


MAINS = {
    "run": run.main,
    "data_gen": data_run.main,
    "talking_head": talking_head.main,
    "import": import_checkpoint.main,
    "export": export_checkpoint.main,
    "contact_sheet": contact_sheet.main,
    "lm_visualizer": lm_visualizer.main,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make a person, five runs and a larder of good things, once."""
    from utils.media.video import VideoWriter

    folder = make_house(tmp_path_factory.mktemp("commands"))
    (folder / "empty").mkdir()
    make_faces(folder / "faces", people=3, photos=2)
    make_speakers(folder / "speakers", takes=2)
    make_recogniser(folder / "little.onnx", width=4)
    (folder / "rubbish.onnx").write_bytes(np.random.default_rng(SEED).bytes(4000))
    np.save(folder / "landmarks.npy", np.zeros((5, 68, 3), np.float32))
    (folder / "t.csv").write_text("1,2,3,4\n")
    with VideoWriter(folder / "film.mp4", 32, 32) as out:
        for shade in range(10):
            out.write(np.full((32, 32, 3), 20 * shade, np.uint8))
    shutil.copytree(ROOT / "egs", folder / "egs")
    return folder


@pytest.fixture
def at_home(house, table, monkeypatch):
    """Work in the house as it was made: nothing may be changed by what is refused."""
    monkeypatch.chdir(house)
    monkeypatch.setenv("VIZEME_ASSETS", str(house / "none"))
    table.folder = house
    return table


@pytest.mark.parametrize("command", SLIPS)
def test_wrong_command_lines(at_home, command, request):
    """One test a command, so that the house is made once; every line of SLIPS counts."""
    wrong = []
    for line in SLIPS[command]:
        try:
            if command in ("run", "data_gen") and not line:
                continue
            at_home.refuses(MISUSE, MAINS[command], line.split(), leaves=r"^checkpoints/none/")
        except BaseException as error:
            wrong.append(f"{command} {line}\n    {type(error).__name__}: {str(error)[:600]}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(SLIPS[command])}", *wrong])


@pytest.mark.parametrize("line", ["", "none", "download", "download none", "download a b", "upload x"])
def test_wrong_lines_for_the_table_of_assets(at_home, line):
    words = line.split()
    if not words:
        pytest.skip("prints the table")
    at_home.refuses(MISUSE, assets.main, words)


@pytest.mark.parametrize("name", BAD_SOUNDS)
def test_a_person_cannot_say_what_is_no_sound(at_home, tmp_path, name):
    sound = tmp_path / "sound.wav"
    sound.write_bytes(BAD_SOUNDS[name]())
    at_home.refuses(FOOD, talking_head.main, ["infer", "made", sound, "o.mp4", "--device=cpu"], says="sound.wav")
    words = ["--config=checkpoints/made/postnet/config.yaml"]
    if Path("checkpoints/made/postnet/config.yaml").exists():
        at_home.refuses(FOOD, run.main, [*words, "--infer", f"--infer_audio_source_name={sound}"], says="sound.wav")


@pytest.mark.parametrize("name", ["float64 with NaN and infinity", "one sample", "8-bit", "192 kHz", "all silence"])
def test_a_person_says_an_odd_sound(at_home, tmp_path, name):
    sound = tmp_path / "sound.wav"
    sound.write_bytes(GOOD_SOUNDS[name]())
    out = tmp_path / "o.mp4"
    at_home.takes(FOOD, talking_head.main, ["infer", "made", sound, out, "--device=cpu"])
    assert out.stat().st_size > 500


@pytest.mark.parametrize("name", list(BAD_PICTURES)[:12:3])
def test_a_person_stands_before_no_such_picture(at_home, tmp_path, name):
    behind = tmp_path / "behind.png"
    behind.write_bytes(BAD_PICTURES[name]())
    words = ["infer", "made", "voice.wav", "o.mp4", "--device=cpu", "--set", f"infer_bg_img_fname={behind}"]
    at_home.refuses(FOOD, talking_head.main, words, says="behind.png")


@pytest.mark.parametrize("name", list(BAD_ARRAYS)[::5])
def test_a_renderer_is_given_landmarks_that_are_none(at_home, tmp_path, name):
    file = tmp_path / "l.npy"
    file.write_bytes(BAD_ARRAYS[name]())
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("task_cls: lm3d_nerf\nvideo_id: made\n")
    words = [f"--config={recipe}", "--exp_name=made/lm3d_nerf", "--infer", f"--infer_cond_name={file}"]
    at_home.refuses(FOOD, run.main, [*words, "--infer_out_video_name=o.mp4"], says="l.npy")
    words = ["--npy_name", file, "--audio_name=", "--out_path=o.mp4"]
    at_home.refuses(FOOD, lm_visualizer.main, words, says="l.npy")


VIDEOS = ["nothing", "a text", "zeros", "a play list", "a picture", "a head alone"]


@pytest.mark.parametrize("name", VIDEOS)
def test_what_is_no_video_is_not_processed(table, name, monkeypatch):
    monkeypatch.chdir(table.folder)
    Path("film.mp4").write_bytes(BAD_SOUNDS[name]())
    table.refuses(FOOD, data_run.main, ["video", "--id=a", "--video=film.mp4"], says="film.mp4")
    Path("films").mkdir()
    shutil.copy("film.mp4", "films/film.mp4")
    table.refuses(FOOD, data_run.main, ["clips", "--videos=films", "--out=o"], says="film")
    table.refuses(FOOD, contact_sheet.main, ["film.mp4", "o.png"], says="film.mp4")


def test_a_folder_of_our_own_checkpoints_is_told_to_be_nothing_new(at_home):
    assert "nothing new; 1 file" in at_home.takes(MISUSE, import_checkpoint.main, ["checkpoints/made/syncnet"]).out


@pytest.mark.parametrize("what", ["silent", "short", "dumb"])
def test_a_video_that_teaches_nothing_is_not_processed(table, what, monkeypatch):
    from utils.media.video import VideoWriter

    monkeypatch.chdir(table.folder)
    frames = 10 if what == "short" else 60
    sound = None if what == "dumb" else np.zeros(frames * 640, np.float32)
    with VideoWriter("film.mp4", 64, 64, audio=sound) as out:
        for _ in range(frames):
            out.write(np.zeros((64, 64, 3), np.uint8))
    says = {"silent": "silent", "short": "lasts 0.4 s", "dumb": "has no sound"}[what]
    words = ["video", "--id=a", "--video=film.mp4", "--landmarks=dlib", "--parsing=grabcut"]
    table.refuses(FOOD, data_run.main, words, says=says)


@pytest.mark.parametrize("name", list(BAD_PICTURES)[::3])
def test_a_corpus_of_bad_pictures_or_sounds_alone_is_refused(table, name, monkeypatch):
    monkeypatch.chdir(table.folder)
    for person in "ab":
        Path("faces", person).mkdir(parents=True)
        Path("faces", person, "1.png").write_bytes(BAD_PICTURES[name]())
        Path("faces", person, "1.wav").write_bytes(wav(np.tile(np.sin(np.arange(8000) / 9), 3)))
    make_recogniser(Path("little.onnx"), width=4)
    words = ["templates", "--faces=faces", "--out=o1", "--recogniser=little.onnx", "--aligned"]
    table.refuses(FOOD, data_run.main, words, says="not one photo", leaves=r"o1/faces-\d+\.json")
    table.refuses(FOOD, data_run.main, ["wav2pix", "--pairs=faces", "--out=o2"], says="not one pair")


def test_bad_files_among_good_ones_are_named_and_left_out(table, monkeypatch):
    monkeypatch.chdir(table.folder)
    make_faces(Path("faces"), people=3, photos=2)
    make_speakers(Path("speakers"), takes=3)
    for number, name in enumerate(BAD_PICTURES):
        Path("faces/person0", f"bad{number}.png").write_bytes(BAD_PICTURES[name]())
        Path("speakers/speaker0", f"bad{number}.png").write_bytes(BAD_PICTURES[name]())
        Path("speakers/speaker0", f"bad{number}.wav").write_bytes(wav())
    for number, name in enumerate(BAD_SOUNDS):
        Path("speakers/speaker1", f"bad{number}.wav").write_bytes(BAD_SOUNDS[name]())
        Path("speakers/speaker1", f"bad{number}.png").write_bytes(picture("PNG"))
    make_recogniser(Path("little.onnx"), width=4)
    words = ["templates", "--faces=faces", "--out=o1", "--recogniser=little.onnx", "--aligned"]
    # 40 x 30 crops are no square, so good pictures alone are taken
    assert f"{len(BAD_PICTURES)} photo(s) skipped" in table.takes(FOOD, data_run.main, words).out
    out = table.takes(FOOD, data_run.main, ["wav2pix", "--pairs=speakers", "--out=o2", "--image_size=32"]).out
    assert f"{len(BAD_PICTURES) + len(BAD_SOUNDS)} skipped" in out


# -- the shell ---------------------------------------------------------------------------------------------------------

BITING = [
    "with space.wav", "quo'te.wav", 'quo"te.wav', "com,ma.wav", "col: on.wav", "hash #.wav", "[bra{cket.wav",
    "$(touch hacked).wav", "`touch hacked`.wav", ";touch hacked;.wav", "%d.wav", "ünï☃.wav", "back\\slash.wav", "*.wav",
    "!bang.wav", "&amp.wav", "=equals=.wav", "~.wav", "'.wav", "''.wav", "{a,b}.wav", "a\tb.wav",
]  # fmt: skip
SCRIPT_LINES: dict[str, tuple[list[str], list[int]]] = {
    "infer_talking_head.sh": (["made", "IN", "OUT"], []),
    "play_talking_head.sh": (["made", "IN"], []),
    "infer_postnet.sh": (["made", "IN", "OUT"], [0, 1]),
    "infer_lm3d_nerf.sh": (["made", "IN", "OUT"], [0, 2]),
    "infer_speech_to_face.sh": (["IN", "OUT", "made/postnet"], [0, 1]),
    "infer_face_to_face.sh": (["IN", "OUT", "made/postnet"], [0, 1]),
    "infer_wav2pix.sh": (["IN", "made/postnet", "OUT"], [0, 1]),
    "infer_template_to_face.sh": (["IN", "made/postnet", "OUT"], [0, 1]),
}
"""Script -> its words, and which of the --hparams are the sound and the file to write."""
ECHO = """#!/usr/bin/env bash
printf '%s\\0' "$@" > "$VIZEME_SAID"
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Copy the scripts to a house whose python writes down what it was told."""
    root = tmp_path_factory.mktemp("stage")
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").write_text(ECHO)
    (root / ".venv/bin/python").chmod(0o755)
    for name in ("postnet", "lm3d_nerf", "lm3d_postnet_sync"):
        run_folder = root / "checkpoints/made" / name
        run_folder.mkdir(parents=True)
        (run_folder / "config.yaml").write_text("task_cls: x\n")
        (run_folder / "model_ckpt_steps_1.ckpt").write_text("")
    return root


@pytest.mark.parametrize("name", BITING)
def test_a_name_comes_through_every_script(stage, tmp_path, name, record_property):
    from tests.tasks.toy import ToyConfig

    here = tmp_path / "caller's place"
    here.mkdir()
    for script, (words, places) in SCRIPT_LINES.items():
        said = tmp_path / "said"
        given = [{"IN": name, "OUT": f"out {name}"}.get(word, word) for word in words]
        done = subprocess.run(
            ["bash", str(stage / "scripts" / script), *given],
            cwd=here, capture_output=True, text=True, timeout=HANG_S, env={**os.environ, "VIZEME_SAID": str(said)},
        )  # fmt: skip
        assert done.returncode == 0, (script, done.stderr)
        told = said.read_bytes().decode().split("\0")[:-1]
        expected = [str(here / name)] + ([str(here / f"out {name}")] if "OUT" in words else [])
        if places:
            hparams = next(word for word in told if word.startswith("--hparams=")).removeprefix("--hparams=")
            parts = split_hparams(hparams)
            # every path setting is a text, as flavour is
            values = [typed_assignment(ToyConfig, "flavour=" + part.partition("=")[2])[1] for part in parts]
            if "\t" not in name:  # YAML folds a tab at the end of a line only, but says nothing of one inside
                assert [values[place] for place in places] == expected, script
        else:
            assert [word for word in told if str(here) in word] == expected, script
        assert not [path for path in here.iterdir() if path.name == "hacked"], script
    record_property("hostile", (SCRIPTS, "taken"))


@pytest.mark.parametrize("script", sorted(SCRIPT_LINES))
def test_scripts_refuse_too_many_words(stage, tmp_path, script, record_property):
    done = subprocess.run(
        ["bash", str(stage / "scripts" / script), *"abcdefg"],
        cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 2
    assert script in done.stderr
    record_property("hostile", (SCRIPTS, "refused"))


@pytest.mark.parametrize("script", sorted(set(SCRIPT_LINES) - {"infer_talking_head.sh", "play_talking_head.sh"}))
def test_scripts_refuse_a_run_that_is_not_there(stage, tmp_path, script, record_property):
    words = [{"made": "nobody", "made/postnet": "nobody/x"}.get(word, word) for word in SCRIPT_LINES[script][0]]
    done = subprocess.run(
        ["bash", str(stage / "scripts" / script), *words], cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: no trained")
    record_property("hostile", (SCRIPTS, "refused"))


@pytest.mark.parametrize("line", [["infer", "nobody", "a.wav", "b.mp4"], ["infer", "nobody", "\udcff.wav", "b.mp4"]])
def test_the_real_command_through_the_shell(tmp_path, line, record_property):
    write_tone(tmp_path / "a.wav", np.zeros(100))
    done = subprocess.run(
        ["bash", str(ROOT / "scripts/infer_talking_head.sh"), *line[1:]],
        cwd=tmp_path, capture_output=True, timeout=HANG_S
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: ")
    assert b"Traceback" not in done.stderr
    record_property("hostile", (SCRIPTS, "refused"))


def test_every_script_is_tried():
    have = {path.name for path in (ROOT / "scripts").glob("infer_*.sh")} | {"play_talking_head.sh"}
    assert have == set(SCRIPT_LINES)
    assert json.dumps(SLIPS)
    assert functools.reduce(lambda total, lines: total + len(lines), SLIPS.values(), 0) >= 200
    assert draw_face(0, 0).shape == (112, 112, 3)
