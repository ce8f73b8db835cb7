"""GeneFace's motion networks, in its own files, give the published outputs after importing."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tasks.core.checkpoints import read_checkpoint
from tasks.core.loading import load_task
from tasks.exchange.sources.geneface import BFM_EYE_DISTANCE, OURS
from tasks.import_checkpoint import main
from tests.modules.golden import assert_golden, probe
from tests.tasks.exchange import geneface_files as files

GOLDEN = json.loads((Path(__file__).parents[3] / "modules" / "golden_motion.json").read_text())


def imported(path: Path, exp: Path):
    assert main([str(path), f"--exp_name={exp}"]) == 0
    return load_task(exp)


def mask_of(frames: int) -> torch.Tensor:
    return torch.ones(1, frames, dtype=torch.bool)


@torch.no_grad()
def test_syncnet_gives_the_published_outputs(tmp_path):
    task = imported(files.save_syncnet(tmp_path / "model_ckpt_steps_40000.ckpt"), tmp_path / "run")
    assert task.cfg.task_cls == "syncnet"
    assert task.updates == 40000
    heard, seen = task.model(probe(2, 10, 1024), OURS * probe(2, 5, 60))
    assert_golden(heard, GOLDEN["syncnet"]["audio_embedding"])
    assert_golden(seen, GOLDEN["syncnet"]["mouth_embedding"])


@torch.no_grad()
def test_speech_to_landmarks_gives_the_published_outputs(tmp_path, caplog):
    caplog.set_level("INFO")
    task = imported(files.save_speech(tmp_path / "speech.pt"), tmp_path / "run")
    assert (task.cfg.audio_pairing, task.cfg.audio_feature, task.cfg.pitch) == ("even", "hubert", False)
    out = task.model.sample(probe(1, 64, 1024), mask_of(32), torch.zeros(1, 16, 8))
    assert_golden(BFM_EYE_DISTANCE * out, GOLDEN["lm3d_vae_sync"])
    whole = task.predict(probe(1, 64, 1024)[0], temperature=0.0)
    assert_golden(BFM_EYE_DISTANCE * whole[None], GOLDEN["lm3d_vae_sync"])
    assert "geneface/lm3d_vae_sync" in caplog.text
    assert "left out: state_dict.syncnet_task.* (182 tensors): a frozen SyncNet" in caplog.text
    left_out = read_checkpoint(tmp_path / "run" / "last.ckpt")["vizeme"]["imported"]["left_out"]
    assert any(name.startswith("optimizer_states.") for name in left_out)


@torch.no_grad()
def test_postnet_gives_the_published_outputs_with_the_speech_network_inside(tmp_path):
    path = files.save_postnet(tmp_path / "checkpoints" / "May" / "lm3d_postnet_sync" / "model_ckpt_steps_4000.ckpt")
    task = imported(path, tmp_path / "run")
    landmarks = OURS * probe(1, 32, 204).unflatten(-1, (68, 3))
    assert_golden(BFM_EYE_DISTANCE * task.model(landmarks, mask_of(32)), GOLDEN["postnet"])
    assert_golden(task.disc_model(landmarks[0]), GOLDEN["critic"])
    assert task.cfg.video_id == "May"
    speech = task.load_speech()
    out = speech.model.sample(probe(1, 64, 1024), mask_of(32), torch.zeros(1, 16, 8))
    assert_golden(BFM_EYE_DISTANCE * out, GOLDEN["lm3d_vae_sync"])


@torch.no_grad()
def test_pitch_is_found_by_the_sizes(tmp_path):
    task = imported(files.save_postnet(tmp_path / "p.ckpt", pitch=True), tmp_path / "run")
    assert task.cfg.pitch
    out = task.predict(probe(40, 1024), 100 + 50 * probe(40), temperature=0.0)
    assert out.shape == (20, 68, 3)
    assert (out - task.predict(probe(40, 1024), 300 + 50 * probe(40), temperature=0.0)).abs().max() > 1e-3


def test_a_release_is_imported_in_place_and_the_originals_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints" / "lrs3" / "syncnet"
    files.save_syncnet(folder / "model_ckpt_steps_40000.ckpt")
    (folder / "model_ckpt_steps_38000.ckpt").write_bytes(b"an older one")
    (folder / "config.yaml").write_text("task_cls: tasks.motion.syncnet.lm3d_syncnet.SyncNetTask\n")
    files.save_speech(tmp_path / "checkpoints" / "lrs3" / "lm3d_vae_sync" / "model_ckpt_steps_40000.ckpt")
    assert main(["checkpoints/lrs3"]) == 0
    assert len(capsys.readouterr().out.split()) == 2
    kept = {path.name for path in (folder / "original").iterdir()}
    assert kept == {"config.yaml", "model_ckpt_steps_40000.ckpt", "model_ckpt_steps_38000.ckpt"}
    first = load_task("lrs3/syncnet")
    assert load_task("lrs3/lm3d_vae_sync").cfg.task_cls == "lm3d_vae_sync"
    assert main(["checkpoints/lrs3"]) == 0  # again: what is ours is passed over
    assert main(["checkpoints/lrs3/syncnet/original/model_ckpt_steps_40000.ckpt"]) == 0
    again = load_task("lrs3/syncnet")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
