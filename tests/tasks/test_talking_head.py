"""The three networks behind one object: tiny and untrained, they must still stream frames, deterministically."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tasks import talking_head
from tasks.person.head import TalkingHead
from tasks.person.live import play_sound
from tasks.person.runs import find_run
from tasks.speaking.head_pose import HeadMotion
from tasks.speaking.silence import silence_weight
from tasks.speaking.sound import Sound
from tests.made import write_tone
from tests.made_heads import make_house
from utils.errors import ConfigError, DataError, UserError
from utils.media.video import VideoWriter, probe, read_frames


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make a video and five runs that know its statistics and nothing else."""
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def inside(house, monkeypatch):
    monkeypatch.chdir(house)
    return house


@pytest.fixture
def head(inside):
    return TalkingHead.load("made", device="cpu")


def test_frames_come_one_by_one_and_the_same_every_time(head):
    stream = head.speak("voice.wav")
    first = next(stream)
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    frames = [first, *stream]
    assert len(frames) == 38  # 1.5 s, the last frame begun included
    again = list(TalkingHead.load("made", device="cpu").speak("voice.wav"))
    np.testing.assert_array_equal(frames, again)


def test_speech_longer_than_the_footage_goes_on(head):
    write_tone(Path("long.wav"), 0.1 * np.sin(np.arange(16000 * 6) / 30))
    assert len(list(head.speak("long.wav"))) == 150


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["infer", "made", "voice.wav", "out/film.avi"], "the video is an mp4; end its name in .mp4"),
        (["infer", "made", "silent.mp4", "out.mp4"], "silent.mp4 is a video without sound"),
        (["infer", "made", "text.wav", "out.mp4"], "text.wav is no sound that ffmpeg can read"),
        (["play", "made", "voice.wav", "silent.mp4"], "silent.mp4 is a video without sound"),
    ],
)
def test_what_cannot_be_spoken_or_written_is_told_before_anything_is_loaded(inside, monkeypatch, words, said):
    with VideoWriter(Path("silent.mp4"), 32, 32) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    Path("text.wav").write_text("no sound")
    monkeypatch.setattr(TalkingHead, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(UserError, match=said):
        talking_head.main(words)


def test_the_command_writes_a_video_with_sound(inside, capsys):
    assert talking_head.main(["infer", "made", "voice.wav", "out/voice.mp4", "--device=cpu"]) == 0
    assert capsys.readouterr().out == "out/voice.mp4\n"
    info = probe("out/voice.mp4")
    assert info.has_audio
    assert len(list(read_frames("out/voice.mp4"))) == 38


def test_speaking_in_plain_words(inside, capsys):
    words = ["speak", "made", "voice.wav", "plain.mp4", "--device=cpu", "--size=48", "--background=#00ff00"]
    assert talking_head.main(words) == 0
    assert capsys.readouterr().out == "plain.mp4\n"
    frame = next(read_frames("plain.mp4"))
    assert frame.shape == (48, 48, 3)
    assert abs(frame[0, 0].astype(int) - (0, 255, 0)).max() < 60
    with pytest.raises(ConfigError, match=r"infer_bg_img_fname = nowhere\.png: no such picture"):
        talking_head.main(["speak", "made", "voice.wav", "--background=nowhere.png"])


def test_the_head_alone_is_shown_over_the_footage_when_asked_for(inside, caplog):
    head = TalkingHead.load("made", device="cpu", renderer="lm3d_nerf")
    assert head.renderer.cfg.task_cls == "lm3d_nerf"
    assert "No torso is trained" not in caplog.text
    assert next(head.speak("voice.wav")).shape == (32, 32, 3)


def test_settings_reach_the_renderer_and_the_post_processing(inside):
    settings = {"infer_scale_factor": 0.5, "n_samples_per_ray": 2, "infer_inject_eye_blink_mode": "period"}
    head = TalkingHead.load("made", device="cpu", settings=settings)
    assert head.settings.infer_inject_eye_blink_mode == "period"
    assert head.renderer.cfg.n_samples_per_ray == 2
    assert next(head.speak("voice.wav")).shape == (16, 16, 3)
    with pytest.raises(ConfigError, match="infer_scale: no such setting; write 'infer_scale_factor'"):
        TalkingHead.load("made", device="cpu", settings={"infer_scale": 2})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_samples_per_ray": 0, "n_samples_per_ray_fine": 0}, "a ray that is never sampled shows no head"),
        ({"n_samples_per_ray": -1}, "n_samples_per_ray"),
        ({"infer_scale_factor": 0}, "infer_scale_factor"),
        ({"infer_scale_factor": 0.01}, "infer_scale_factor = 0.01: the picture would have 0 x 0 pixels"),
        ({"infer_scale_factor": 1e4}, "8 to 8192 a side can be drawn"),
        ({"infer_bg_img_fname": "nowhere.png"}, "infer_bg_img_fname = nowhere.png: no such picture"),
        ({"infer_bg_img_fname": "voice.wav"}, "voice.wav is not a picture"),
        ({"infer_pose_mode": "stil"}, "infer_pose_mode"),
        ({"infer_pose_mode": "still", "infer_still_frame_idx": 60}, "has frames 0 to 29"),
        ({"infer_c2w_name": "nowhere.npy"}, "No camera poses at nowhere.npy"),
        ({"infer_sil_ref_frame_idx": 60}, "infer_sil_ref_frame_idx = 60: the footage has frames 0 to 59"),
        ({"infer_lm3d_lle_percent": 1.5}, "infer_lm3d_lle_percent"),
        ({"infer_lm3d_smooth_sigma": -1}, "infer_lm3d_smooth_sigma"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_line(inside, settings, said):
    with pytest.raises(UserError) as error:
        next(TalkingHead.load("made", device="cpu", settings=settings).speak("voice.wav"))
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) <= 2


def test_the_background_is_replaced_behind_head_and_torso(inside):
    settings = {"infer_bg_img_fname": "#00ff00", "infer_scale_factor": 1.5}
    for renderer in ("lm3d_nerf", "lm3d_nerf_torso"):
        plain = next(TalkingHead.load("made", device="cpu", renderer=renderer).speak("voice.wav"))
        frame = next(TalkingHead.load("made", device="cpu", renderer=renderer, settings=settings).speak("voice.wav"))
        assert frame.shape == (48, 48, 3)
        assert abs(frame[0, 0].astype(int) - (0, 255, 0)).max() < 60
        assert abs(plain[0, 0].astype(int) - (0, 255, 0)).max() > 60


def test_a_head_without_a_torso_speaks_and_says_so(inside, monkeypatch, caplog):
    monkeypatch.setattr("tasks.person.runs.RENDERERS", ("lm3d_nerf_missing", "lm3d_nerf"))
    head = TalkingHead.load("made", device="cpu", settings={"infer_compose": "full"})
    assert "No torso is trained for made" in caplog.text
    assert next(head.speak("voice.wav")).shape == (32, 32, 3)


def test_what_is_missing_is_said_with_the_command_that_makes_it(inside, head):
    with pytest.raises(DataError) as error:
        find_run("anna", ("postnet",))
    assert str(error.value) == (
        "No trained postnet for 'anna' in checkpoints/anna. Trained: made. "
        "Train it: bash scripts/train_talking_head.sh anna"
    )
    with pytest.raises(DataError, match=r"nobody\.wav does not exist"):
        head.speak_to("nobody.wav", "x.mp4")
    with pytest.raises(DataError, match=r"end its name in \.mp4"):
        head.speak_to("voice.wav", "x.avi")
    with pytest.raises(ConfigError, match="--steps newest: write best, last or a number"):
        talking_head.main(["infer", "made", "voice.wav", "x.mp4", "--steps=newest"])
    Path("text.wav").write_text("no sound")
    with pytest.raises(DataError):
        head.speak_to("text.wav", "x.mp4")
    assert not Path("x.mp4").exists()


def test_the_two_steps_of_the_seeds_give_a_video(inside, capsys):
    from tasks import run

    common = ["--infer", "--set", "infer_audio_source_name=voice.wav"]
    recipe = "--config=egs/datasets/videos/person_small/postnet.yaml"
    words = [recipe, "--exp_name=made/postnet", "--set", "infer_out_npy_name=lm.npy", *common]
    assert run.main(words) == 0
    assert np.load("lm.npy").shape == (1, 38, 204)
    recipe = "--config=egs/datasets/videos/person_small/lm3d_nerf_torso.yaml"
    words = [recipe, "--exp_name=made/lm3d_nerf_torso", "--set", "infer_cond_name=lm.npy", *common]
    assert run.main([*words, "--set", "infer_out_video_name=two.mp4"]) == 0
    assert probe("two.mp4").has_audio
    write_tone(Path("other.wav"), np.ones(1600) / 9)
    with pytest.raises(DataError, match=r"lm.npy was made of another sound than other.wav is now"):
        run.main([*words, "--set", "infer_out_video_name=two.mp4", "--set", "infer_audio_source_name=other.wav"])


def test_the_evaluation_measures_held_out_frames(inside, capsys):
    assert talking_head.main(["evaluate", "made", "--device=cpu", "--frames=8"]) == 0
    folder = Path("infer_out/made/evaluation")
    names = {"metrics.json", "contact_sheet.png", "lip_opening.png", "side_by_side.mp4"}
    assert {path.name for path in folder.iterdir()} == names
    figures = json.loads((folder / "metrics.json").read_text())
    assert figures["frames"] == [48, 56]
    assert figures["pictures"]["rendered"]["face_psnr"] > 3
    assert set(figures["sync"]) >= {"real", "spoken"}
    assert len(list(read_frames(folder / "side_by_side.mp4"))) == 8
    assert "s per rendered frame" in capsys.readouterr().out


def test_the_peers_protocol_measures_every_way_to_compose(inside, capsys):
    words = ["--protocol=peers", "--device=cpu", "--frames=6", "--out=as_peers"]
    assert talking_head.main(["evaluate", "made", *words]) == 0
    report = json.loads(Path("as_peers/peers.json").read_text())
    assert list(report["ours"]) == ["portrait", "head", "full"]
    assert (report["test_frames"], report["size"]) == ([48, 54], [32, 32])
    decibels = {name: one["psnr"] for name, one in report["ours"].items()}
    assert decibels["portrait"] > decibels["head"] + 3, "most of a portrait is the true frame"
    assert {path.name for path in Path("as_peers").iterdir()} == {"peers.json", "peers.png"}
    shown = capsys.readouterr().out
    assert "SyncTalk, portrait" in shown
    assert f"portrait{decibels['portrait']:21.2f}" in shown


def test_a_portrait_is_the_footage_but_for_the_lower_face(inside):
    whole = TalkingHead.load("made", device="cpu", renderer="lm3d_nerf", settings={"infer_compose": "head"})
    portrait = TalkingHead.load("made", device="cpu", renderer="lm3d_nerf")
    assert portrait.settings.portrait
    frames = np.stack(list(portrait.speak("voice.wav")))
    with Sound("voice.wav") as sound:
        assert np.array_equal(frames, np.stack(list(play_sound(portrait, sound))))
        silence = silence_weight(sound.rms(), sound.frames, portrait.settings)
    motion = HeadMotion(portrait.video, portrait.settings)
    motion.hear(silence)
    true = portrait.video.frames[motion.frames(0, len(frames)).frame_ids]
    rows = slice(0, 8)  # above the eyes
    assert np.array_equal(frames[:, rows], true[:, rows])
    assert not np.array_equal(np.stack(list(whole.speak("voice.wav")))[:, rows], true[:, rows])


def test_another_background_is_never_a_portrait(inside):
    head = TalkingHead.load("made", device="cpu", settings={"infer_bg_img_fname": "white"})
    assert not head.settings.portrait
    assert head.renderer.cfg.task_cls == "lm3d_nerf_torso"
