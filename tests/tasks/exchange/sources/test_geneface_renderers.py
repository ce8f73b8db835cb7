"""GeneFace's NeRFs, in its own files, give the published outputs after importing, and speak from sound to picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tasks import run
from tasks.core.loading import load_task
from tasks.exchange.sources.geneface import OURS
from tasks.import_checkpoint import main
from tasks.renderer.geneface.scene import FILE, open_scene
from tests.made import write_tone
from tests.modules.golden import assert_golden, probe
from tests.tasks.exchange import geneface_files as files
from utils.errors import ConfigError, DataError

GOLDEN = json.loads((Path(__file__).parents[3] / "modules" / "golden_renderer.json").read_text())["lm3d_nerf"]
QUICK = "n_samples_per_ray=8,n_samples_per_ray_fine=4"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Unzip two releases and a person's dataset as GeneFace's guide tells, and import them in place."""
    folder = tmp_path_factory.mktemp("house")
    runs = folder / "checkpoints"
    files.save_syncnet(runs / "lrs3" / "syncnet" / "model_ckpt_steps_40000.ckpt")
    files.save_speech(runs / "lrs3" / "lm3d_vae_sync" / "model_ckpt_steps_40000.ckpt")
    files.save_postnet(runs / "May" / "lm3d_postnet_sync" / "model_ckpt_steps_4000.ckpt")
    files.save_nerf(runs / "May" / "lm3d_nerf" / "model_ckpt_steps_400000.ckpt")
    files.save_nerf(runs / "May" / "lm3d_nerf_torso" / "model_ckpt_steps_400000.ckpt", torso=True)
    (runs / "May" / "lm3d_nerf" / "config.yaml").write_text(
        "task_cls: tasks.nerfs.lm3d_nerf.Lm3dNeRFTask\nfar: 0.875\n"
    )
    dataset = files.save_dataset(folder / "data" / "binary" / "videos" / "May" / "trainval_dataset.npy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for path in ("checkpoints/lrs3", "checkpoints/May", str(dataset)):
            assert main([path]) == 0
    return folder


@torch.no_grad()
def test_the_nerf_gives_the_published_outputs(house):
    task = load_task(house / "checkpoints" / "May" / "lm3d_nerf")
    assert (task.cfg.video_id, task.cfg.far, task.cfg.with_att, task.cfg.torso) == ("May", 0.875, True, False)
    code = task.head.encode(probe(5, 1, 204))
    assert_golden(code, GOLDEN["cond_att"])
    points, view = probe(7, 3), F.normalize(probe(7, 3).flip(0), dim=-1)
    for net, golden in ((task.head.model_fine, "rgb_sigma_fine"), (task.head.model_coarse, "rgb_sigma_coarse")):
        density, colour = net(points, view, code)
        assert_golden(torch.cat([colour, density[:, None]], dim=1), GOLDEN[golden])
    torso = load_task(house / "checkpoints" / "May" / "lm3d_nerf_torso")
    assert torso.cfg.torso
    assert_golden(torso.head.encode(probe(5, 1, 204)), GOLDEN["cond_att"])


def test_features_become_landmarks_become_a_video(house, monkeypatch, capsys):
    monkeypatch.chdir(house)
    postnet = load_task("May/lm3d_postnet_sync")
    landmarks = postnet.predict(probe(8, 1024), temperature=0.0)
    np.save("landmarks.npy", landmarks.flatten(1)[None].numpy())
    sound = write_tone(house / "tone.wav", np.sin(np.arange(2560) / 5))
    for name, more in (("lm3d_nerf", ""), ("lm3d_nerf_torso", ",infer_speech_name=speech.npy")):
        np.save("speech.npy", probe(4, 16, 29).numpy())
        settings = f"{QUICK},infer_cond_name=landmarks.npy,infer_out_video_name={name}.mp4"
        settings += f",infer_audio_source_name={sound}{more}"
        config = f"checkpoints/May/{name}/config.yaml"
        assert run.main([f"--config={config}", f"--hparams={settings}", "--infer"]) == 0
        assert Path(f"{name}.mp4").stat().st_size > 1000
    scene = open_scene(house / "data/binary/videos/May" / FILE)
    torch.manual_seed(1)
    task = load_task("May/lm3d_nerf", settings={"n_samples_per_ray": 8, "n_samples_per_ray_fine": 4})
    frames = list(task.render(landmarks.numpy(), None, scene))
    assert len(frames) == 4
    assert frames[0].shape == (12, 12, 3)
    assert (frames[0] != scene.background).any()
    assert (next(task.render(landmarks.numpy(), None, scene)) == frames[0]).all()
    moved = next(task.render(landmarks.numpy() + 3, None, scene))
    assert (moved != frames[0]).any(), "the picture follows the landmarks"


def test_the_door_for_own_videos_says_which_one_is_for_imported_heads(house, monkeypatch):
    from tasks.person.head import TalkingHead

    monkeypatch.chdir(house)
    with pytest.raises(ConfigError, match=r"is imported and renders .*: bash scripts/infer_postnet.sh May SOUND, then"):
        TalkingHead.load("May")


def test_the_scene_is_that_of_the_dataset_in_our_units(house):
    scene = open_scene(house / "data/binary/videos/May" / FILE)
    assert scene.cameras.shape == (6, 4, 4)
    assert np.allclose(np.linalg.norm(scene.cameras[:, :3, 3], axis=1), 0.7)
    assert np.allclose(scene.landmarks_mean, 0.1 * OURS)
    assert np.allclose(scene.landmarks_std, 0.5 * OURS)
    assert scene.focal == pytest.approx(2.3 * 12)


def test_a_head_of_few_updates_does_without_attention_as_the_original_does(tmp_path):
    main([str(files.save_nerf(tmp_path / "early.ckpt", step=100_000)), f"--exp_name={tmp_path / 'early'}"])
    assert not load_task(tmp_path / "early").cfg.with_att


def test_speech_driven_heads_are_told_apart_and_want_features(tmp_path):
    for torso in (False, True):
        exp = tmp_path / f"ad{torso}"
        main([str(files.save_nerf(tmp_path / "ad.ckpt", speech=True, torso=torso)), f"--exp_name={exp}"])
        task = load_task(exp, settings={"infer_out_video_name": "x.mp4"})
        assert (task.cfg.cond_type, task.cfg.torso, task.cfg.smo_win_size) == ("deepspeech", torso, 8)
        with pytest.raises(ConfigError, match=r"--infer needs infer_speech_name; give"):
            task.infer()


def test_what_is_missing_is_said_with_the_command(house, tmp_path):
    task = load_task(house / "checkpoints" / "May" / "lm3d_nerf", settings={"binary_data_dir": str(tmp_path)})
    with pytest.raises(DataError, match=r"No scene at .*import_checkpoint.py .*May/trainval_dataset.npy"):
        task.scene()
    with pytest.raises(ConfigError, match="imported for rendering and cannot be trained"):
        task.prepare()
