"""Clips are drawn rightly, speech of any length is imagined without seams, refinement starts from nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen.clips.corpus import MotionBatch
from modules.motion.audio_condition import FeatureNorm
from modules.motion.lm3d_vae import SpeechToLandmarks
from tasks.core.loading import load_frozen
from tasks.motion.clips import IN_STEP, NEAR_MISS, OTHER_SPEAKER, OTHER_TIME, sample_clips
from tasks.motion.config import AugmentConfig
from tasks.motion.data import augment, start_from, stretch
from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.losses import continuity, lip_metrics, mse, warm_up_and_decay
from tasks.motion.postnet import PostnetConfig, PostnetTask
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from tasks.motion.windows import EDGE, imagine, in_windows, prior_noise, write_landmarks
from utils.errors import ConfigError, DataError
from utils.visualization.lm_visualizer import read_landmarks


def told_batch(lengths: list[int], speakers: list[int], frames: int = 40) -> MotionBatch:
    """Make a batch whose rows say window and frame: 100 * window + frame."""
    size = len(lengths)
    place = 100.0 * torch.arange(size)[:, None] + torch.arange(frames)
    mask = torch.arange(frames) < torch.tensor(lengths)[:, None]
    landmarks = (place * mask)[..., None, None].expand(size, frames, 68, 3).clone()
    audio = (place * mask).repeat_interleave(2, dim=1)[..., None].repeat(1, 1, 4)
    return MotionBatch(audio, landmarks, torch.zeros(size, 2 * frames), mask, torch.tensor(speakers))


def test_clips_are_what_their_kind_says():
    torch.manual_seed(0)
    lengths, speakers = [40, 25, 40, 14], [0, 0, 1, 2]
    batch = told_batch(lengths, speakers)
    clips = sample_clips(batch, 4000)
    assert clips.audio.shape == (4000, 10, 4)
    assert clips.mouth.shape == (4000, 5, 20, 3)
    mouth_place, audio_place = clips.mouth[:, :, 0, 0], clips.audio[:, ::2, 0]
    assert (mouth_place == 100 * clips.window[:, None] + clips.start[:, None] + torch.arange(5)).all()
    assert (audio_place == 100 * clips.audio_window[:, None] + clips.audio_start[:, None] + torch.arange(5)).all()
    room = torch.tensor(lengths) - 4
    assert (clips.start < room[clips.window]).all()
    assert (clips.audio_start < room[clips.audio_window]).all()
    assert (clips.audio_start >= 0).all()
    speaker = torch.tensor(speakers)
    step = (clips.audio_start - clips.start).abs()
    for kind, right in (
        (IN_STEP, (clips.label == 1) & (mouth_place == audio_place).all(dim=1)),
        (OTHER_SPEAKER, (speaker[clips.window] != speaker[clips.audio_window]) & (clips.label == 0)),
        (OTHER_TIME, (clips.window == clips.audio_window) & (clips.label == 0)),
        (NEAR_MISS, (clips.window == clips.audio_window) & (step >= 2) & (step <= 5) & (clips.label == 0)),
    ):
        chosen = clips.kind == kind
        assert chosen.sum() > 300
        assert right[chosen].all()
    long = (clips.kind == OTHER_TIME) & (room[clips.window] >= 12)
    assert (step[long] > 5).all()
    assert 0.46 < clips.label.mean() < 0.54


def test_with_one_speaker_the_other_sound_is_from_another_window():
    torch.manual_seed(0)
    clips = sample_clips(told_batch([40, 40, 40], [5, 5, 5]), 900)
    other = clips.kind == OTHER_SPEAKER
    assert other.any()
    assert (clips.window != clips.audio_window)[other].all()


def test_in_step_only_and_other_mouths():
    batch = told_batch([40, 40], [0, 1])
    clips = sample_clips(batch, 100, landmarks=batch.landmarks + 1, in_step=True)
    assert (clips.label == 1).all()
    assert (clips.mouth[:, :, 0, 0] - 1 == clips.audio[:, ::2, 0]).all()


def test_a_long_sound_is_imagined_without_seams():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 4), dilation=2).eval()
    for parameter in model.vae.prior_flow.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    frames = 1210
    audio = torch.randn(2 * frames, 6)
    out = imagine(model, audio, None, seed=3, temperature=1.0)
    total = frames + 2 * EDGE
    drawn_out = torch.cat([audio[:1].repeat(2 * EDGE, 1), audio, audio[-1:].repeat(2 * EDGE, 1)])
    with torch.no_grad():
        whole = model.sample(
            drawn_out[None], torch.ones(1, total, dtype=torch.bool), prior_noise(1, model.latent, total, 1.0, 3)
        )[0, EDGE : EDGE + frames]
    assert out.shape == (frames, 68, 3)
    assert torch.allclose(out, whole, atol=1e-4)
    assert torch.equal(out, imagine(model, audio, None, seed=3, temperature=1.0))
    assert not torch.equal(out, imagine(model, audio, None, seed=4, temperature=1.0))


def test_the_direct_path_joins_without_seams_too():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 2), direct=8).eval()
    audio = torch.randn(2 * 1100, 6)
    out = imagine(model, audio, None, seed=0, temperature=0.0)
    with torch.no_grad():
        whole = model.likely(audio[None], torch.ones(1, 1100, dtype=torch.bool))[0]
    assert torch.allclose(out, whole, atol=1e-4)
    assert not torch.allclose(out, imagine(model, audio, None, seed=0, temperature=1.0), atol=1e-2)


def test_samples_of_the_prior_are_judged():
    cfg = Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16, direct_size=8)
    task = Lm3dVaeSyncTask(cfg).eval()
    task.freeze("syncnet", SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32)))
    batch = told_batch([70, 64], [0, 1], frames=70)._replace(audio=torch.randn(2, 140, 39))
    with torch.no_grad():
        found = task.metrics(batch)
        assert found["diversity"] > 0
        assert found["sample_error"] > 0
        assert 0 <= found["sample_confidence"] <= 1
        assert -1 <= found["sample_lip_correlation"] <= 1
        assert torch.equal(found["diversity"], task.metrics(batch)["diversity"])
        for parameter in task.model.vae.decoder.out_proj.parameters():
            parameter.zero_()
        assert task.metrics(batch)["diversity"] == 0


def test_stretching_keeps_sound_and_motion_together():
    torch.manual_seed(0)
    lengths = [40, 30, 12]
    batch = told_batch(lengths, [0, 1, 2])._replace(pitch_hz=torch.full((3, 80), 120.0))
    assert stretch(batch, 0.0) is batch
    out = stretch(batch, 0.3)
    paces = set()
    for i, length in enumerate(lengths):
        n = int(out.mask[i].sum())
        assert out.mask[i, :n].all()
        assert length / 1.3 - 1 <= n <= min(40, length / 0.7 + 1)
        place = out.landmarks[i, :n, 0, 0] - 100 * i
        pace = place[1:] - place[:-1]
        paces.add(round(float(pace.mean()), 3))
        assert torch.allclose(pace, pace.mean().expand_as(pace), atol=1e-3)
        assert place.max() <= length - 1 + 1e-3
        heard = out.audio[i, : 2 * n : 2, 0] - 100 * i
        assert (heard - place).abs().max() <= 0.51  # two rows of a frame say the same here
        assert out.landmarks[i, n:].abs().sum() == 0
        assert set(out.pitch_hz[i, : 2 * n].tolist()) == {120.0}
    assert len(paces) == 3


def test_a_run_begins_with_another_runs_networks(tmp_path):
    first, second = (SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32)) for _ in range(2))
    first.model.audio_norm.mean.fill_(3.0)
    path = tmp_path / "model_ckpt_steps_1.ckpt"
    torch.save({"state_dict": first.state_dict(), "vizeme": {"updates": 1, "recipe": first.cfg.model_dump()}}, path)
    start_from(second, str(path))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    wide = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=64))
    with pytest.raises(ConfigError, match="other sizes or another audio_feature"):
        start_from(wide, str(path))
    with pytest.raises(ConfigError, match="a run of syncnet, not of lm3d_vae_sync"):
        start_from(Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", hidden_size=16)), str(path))


def test_windows_join_in_order():
    asked = []

    def make(start: int, stop: int) -> torch.Tensor:
        asked.append((start, stop))
        return torch.arange(start, stop)

    assert in_windows(25, 4, make, window=8).tolist() == list(range(25))
    assert asked == [(0, 12), (4, 20), (12, 25), (20, 25)]


def test_augmentation_hides_a_band_and_leaves_the_rest():
    torch.manual_seed(0)
    norm = FeatureNorm(4)
    batch = told_batch([40, 40], [0, 0])
    same = augment(batch, AugmentConfig(), norm)
    assert same.audio is batch.audio
    hidden = augment(batch, AugmentConfig(mask_time=0.5), norm).audio
    changed = (hidden != batch.audio).any(dim=2)
    assert changed.any()
    assert (hidden[changed] == 0).all()


def test_losses_by_hand():
    batch = told_batch([3], [0], frames=4)
    out = batch.landmarks + torch.tensor([1.0, 2.0, 2.0, 50.0])[None, :, None, None]
    assert mse(out, batch).item() == pytest.approx((1 + 4 + 4) / 3)
    assert continuity(out, batch).item() == pytest.approx((1 + 1 + 0) / 3)
    assert warm_up_and_decay(0, 10, 100) == pytest.approx(0.1)
    assert warm_up_and_decay(110, 10, 100) == pytest.approx(0.1)


def test_perfect_lips_score_one():
    torch.manual_seed(0)
    batch = told_batch([30, 40], [0, 1])._replace(landmarks=torch.randn(2, 40, 68, 3))
    figures = lip_metrics(batch.landmarks + 3.0, batch)
    assert figures["lip_correlation"].item() == pytest.approx(1, abs=1e-4)
    assert figures["lip_spread"].item() == pytest.approx(1, abs=1e-4)
    assert figures["lip_error"].item() == pytest.approx(3 * 3**0.5, rel=1e-4)


def test_the_sync_switch_is_kept_and_its_branch_waits_for_it():
    cfg = Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16, sync_clips=8)
    task, other = Lm3dVaeSyncTask(cfg), Lm3dVaeSyncTask(cfg)
    task.freeze("syncnet", SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32)))
    batch = told_batch([40, 40], [0, 1])._replace(audio=torch.randn(2, 80, 39))
    assert not any(name.startswith("frozen") for name in task.state_dict())
    task.train()
    assert not task.frozen["syncnet"].training
    assert "sync" not in task.losses(batch)
    task.sync_on = True
    assert torch.isfinite(task.losses(batch)["sync"])
    other.on_load_extra(task.extra_state())
    assert other.sync_on


def test_postnet_says_what_the_speech_network_says_before_it_has_learnt():
    speech = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16))
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8))
    task.freeze("audio2motion", speech)
    audio = torch.randn(1300, 39)
    out = task.eval().predict(audio, seed=1, temperature=0.5)
    assert out.shape == (650, 68, 3)
    assert torch.allclose(out, speech.eval().predict(audio, seed=1, temperature=0.5), atol=1e-5)


def test_settings_that_cannot_work_are_named():
    with pytest.raises(ConfigError, match="give --video_id"):
        PostnetTask(PostnetConfig(task_cls="postnet")).prepare()
    with pytest.raises(ConfigError, match="No data was named"):
        SyncNetTask(SyncNetConfig(task_cls="syncnet")).prepare()


def test_every_step_size_of_postnet_is_a_function_of_the_update():
    # KeepCheckpoints sets the rates anew on resume: a scheduler that only multiplies would begin again.
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8, critic_width=8))
    _, (refiner, critic) = task.configure_optimizers()
    assert isinstance(refiner, torch.optim.lr_scheduler.LambdaLR)
    assert isinstance(critic, torch.optim.lr_scheduler.LambdaLR)
    assert [critic.lr_lambdas[0](n) for n in (0, 39_999, 40_000, 80_000)] == [1, 1, 0.5, 0.25]


def test_which_checkpoint_of_an_earlier_stage_is_best_last_or_a_number():
    for steps in ("best", "last", 4000):
        assert Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", syncnet_ckpt_steps=steps).syncnet_ckpt_steps == steps
    for setting in ("syncnet_ckpt_steps", "audio2motion_ckpt_steps"):
        with pytest.raises(ValueError, match=setting):
            PostnetConfig(task_cls="postnet", **{setting: "bset"})


def test_postnet_disturbs_the_speech_as_the_recipe_says(monkeypatch):
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8, augment={"noise": 1.0}))
    task.freeze("audio2motion", Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc")))
    batch = told_batch([40, 40], [0, 1])._replace(audio=torch.zeros(2, 80, 39))
    heard = []
    monkeypatch.setattr(
        task.speech.model, "sample", lambda audio, mask, *_: heard.append(audio) or torch.zeros(*mask.shape, 68, 3)
    )
    task.eval()._refined(batch)
    assert heard[0].std() > 0.5


def test_an_earlier_stage_of_another_kind_or_feature_is_refused(tmp_path):
    mel = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mel", width=32))
    kept = {"updates": 1, "recipe": mel.cfg.model_dump(mode="json")}
    path = tmp_path / "model_ckpt_steps_1.ckpt"
    torch.save({"state_dict": mel.state_dict(), "vizeme": kept}, path)
    task = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16))
    with pytest.raises(ConfigError, match=r"listens to 'mel', this recipe to 'mfcc': give --audio_feature mel"):
        load_frozen(task, "syncnet", str(tmp_path), "best", kind="syncnet")
    other = PostnetTask(
        PostnetConfig(task_cls="postnet", audio_feature="mel", width=8, audio2motion_work_dir=str(tmp_path))
    )
    with pytest.raises(ConfigError, match=r"audio2motion_work_dir = .*: that is a run of syncnet, not of lm3d_vae_sy"):
        other.load_speech()


def test_too_few_frames_for_an_offset_are_refused():
    task = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32))
    with pytest.raises(DataError, match="4 frames are too few"):
        task.find_offset(torch.zeros(8, 39), torch.zeros(4, 68, 3))
    assert task.find_offset(torch.zeros(10, 39), torch.zeros(5, 68, 3)).curve.shape == (3,)


def test_landmarks_go_to_disk_and_back(tmp_path):
    landmarks = torch.randn(7, 68, 3)
    path = write_landmarks(str(tmp_path / "out"), landmarks, None)
    assert path == tmp_path / "out.npy"
    assert np.load(path).shape == (1, 7, 204)
    np.testing.assert_array_equal(read_landmarks(str(path)), landmarks.numpy())


def test_the_board_gets_the_face_its_mouth_the_opening_and_a_mesh(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    from tasks.core.board import Board
    from tasks.motion.pictures import draw_motion

    rng = np.random.default_rng(0)
    true = rng.normal(0, 0.2, (6, 68, 3)).astype(np.float32)
    with SummaryWriter(str(tmp_path)) as writer:
        draw_motion(Board(writer), true, {"imagined": true[::-1].copy()}, 0)
    events = EventAccumulator(str(tmp_path)).Reload().Tags()
    assert {"landmarks/0", "landmarks/0_widest", "mouth/0", "mouth/0_widest", "lip_opening/0"} <= set(events["images"])
    assert any("mesh/0_true" in tag for tag in events["tensors"])
    assert any("mesh/0_imagined" in tag for tag in events["tensors"])


def test_content_features_may_be_disturbed_in_their_own_way():
    def of(feature: str, **more: object) -> float:
        given = {"task_cls": "syncnet", "audio_feature": feature, "augment": {"noise": 0.1}, **more}
        return SyncNetConfig(**given).disturbance.noise

    assert of("mel", augment_content={"noise": 0.4}) == 0.1
    assert of("whisper", augment_content={"noise": 0.4}) == 0.4
    assert of("whisper:3-6", augment_content={"noise": 0.4}) == 0.4
    assert of("hubert") == 0.1
