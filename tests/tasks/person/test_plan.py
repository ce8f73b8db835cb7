"""Which tasks are to be trained, and by which recipe and settings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch

from tasks.person.plan import Step, choose_audio_feature, is_outdated
from utils.files.digests import sha256


def test_a_run_is_outdated_when_what_it_was_trained_with_was_trained_anew(tmp_path):
    earlier = tmp_path / "syncnet/model_ckpt_steps_10.ckpt"
    later = tmp_path / "lm3d_vae_sync/model_ckpt_steps_10.ckpt"
    earlier.parent.mkdir()
    later.parent.mkdir()
    earlier.write_bytes(b"old")
    frozen = {"syncnet": {"path": str(earlier), "updates": 10, "sha256": sha256(earlier)}}
    torch.save({"state_dict": {}, "vizeme": {"frozen": frozen}}, later)
    assert not is_outdated(later.parent)
    earlier.write_bytes(b"new")
    assert is_outdated(later.parent)
    earlier.rename(earlier.with_name("model_ckpt_steps_20.ckpt"))
    assert is_outdated(later.parent)
    (earlier.parent / "model_ckpt_steps_20.ckpt").unlink()
    assert not is_outdated(later.parent), "the earlier stage was moved away, not trained anew"


def test_the_best_speech_feature_that_a_dataset_has_is_chosen(monkeypatch):
    monkeypatch.setattr("tasks.person.plan.feature_of_beginning", lambda video, reset: "")
    monkeypatch.setattr("tasks.person.plan.feature_so_far", lambda video: "")

    def choice(*names: str, reset: bool = False) -> str:
        meta = SimpleNamespace(audio_features=dict.fromkeys(names, 1))
        return choose_audio_feature(SimpleNamespace(meta=meta), reset=reset)

    assert choice("mel", "mfcc") == "mel"
    assert choice("mel", "ear") == "ear"
    assert choice("hubert", "mel", "whisper", "ear") == "whisper"
    assert choice("mel", "whisper", "whisper:3-5") == "whisper:3-5"
    monkeypatch.setattr("tasks.person.plan.feature_of_beginning", lambda video, reset: "ear")
    assert choice("mel", "ear", "whisper:3-5") == "ear", "little footage listens as the talkers do"
    monkeypatch.setattr("tasks.person.plan.feature_so_far", lambda video: "mel")
    assert choice("mel", "ear", "whisper:3-5") == "mel", "who was begun goes on as before"
    assert choice("mel", "ear", "whisper:3-5", reset=True) == "ear"


def test_the_command_of_a_step_says_values_as_they_are_read_back():
    step = Step("postnet", Path("egs/may.yaml"), {"lr": 0.5, "video_id": "May", "more_data": ["a", "b"], "pitch": True})
    command = step.command("May/postnet", reset=True)
    assert command[2:4] == ["--config=egs/may.yaml", "--exp_name=May/postnet"]
    assert command[4:] == [
        "--set", "lr=0.5", "--set", "video_id=May", "--set", 'more_data=["a", "b"]', "--set", "pitch=true", "--reset"
    ]  # fmt: skip
