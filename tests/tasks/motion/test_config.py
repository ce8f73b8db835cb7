"""Settings that the motion tasks share."""

from __future__ import annotations

from tasks.motion.syncnet import SyncNetConfig


def test_content_features_may_be_disturbed_in_their_own_way():
    def of(feature: str, **more: object) -> float:
        given = {"task_cls": "syncnet", "audio_feature": feature, "augment": {"noise": 0.1}, **more}
        return SyncNetConfig(**given).disturbance.noise

    assert of("mel", augment_content={"noise": 0.4}) == 0.1
    assert of("whisper", augment_content={"noise": 0.4}) == 0.4
    assert of("whisper:3-6", augment_content={"noise": 0.4}) == 0.4
    assert of("hubert") == 0.1
