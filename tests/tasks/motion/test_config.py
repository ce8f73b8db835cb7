"""Settings that the motion tasks share."""

from __future__ import annotations

from tasks.motion.postnet_config import PostnetConfig
from tasks.motion.syncnet import SyncNetConfig


def test_content_features_may_be_disturbed_in_their_own_way():
    def of(feature: str, **more: object) -> float:
        given = {"task_cls": "syncnet", "audio_feature": feature, "augment": {"noise": 0.1}, **more}
        return SyncNetConfig(**given).disturbance.noise

    assert of("mel", augment_content={"noise": 0.4}) == 0.1
    assert of("whisper", augment_content={"noise": 0.4}) == 0.4
    assert of("whisper:3-6", augment_content={"noise": 0.4}) == 0.4
    assert of("hubert") == 0.1


def test_what_the_guides_second_step_wrote_is_found_by_its_third(tmp_path, caplog):
    caplog.set_level("INFO")
    runs = tmp_path / "checkpoints" / "lrs3"
    cfg = PostnetConfig(task_cls="postnet", video_id="May", audio2motion_work_dir=str(runs / "lm3d_vae_sync"))

    def earlier() -> str:
        return cfg.earlier_run(cfg.audio2motion_work_dir, "lm3d_vae_sync", None)

    assert earlier() == str(runs / "lm3d_vae_sync"), "neither is there: the one that was named is told"
    (runs / "lm3d_vae").mkdir(parents=True)
    (runs / "lm3d_vae" / "model_ckpt_steps_9.ckpt").touch()
    assert earlier() == str(runs / "lm3d_vae")
    assert caplog.text.count("as GeneFace's guide calls it, and is used") == 1
    (runs / "lm3d_vae_sync").mkdir()
    (runs / "lm3d_vae_sync" / "model_ckpt_steps_9.ckpt").touch()
    assert earlier() == str(runs / "lm3d_vae_sync"), "what is named wins where it is there"
