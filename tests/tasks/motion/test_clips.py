"""Pairs of speech and mouth are what their kind says."""

from __future__ import annotations

import torch

from tasks.motion.clips import IN_STEP, NEAR_MISS, OTHER_SPEAKER, OTHER_TIME, sample_clips
from tests.tasks.motion.numbered import numbered_batch


def test_clips_are_what_their_kind_says():
    torch.manual_seed(0)
    lengths, speakers = [40, 25, 40, 14], [0, 0, 1, 2]
    batch = numbered_batch(lengths, speakers)
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
    clips = sample_clips(numbered_batch([40, 40, 40], [5, 5, 5]), 900)
    other = clips.kind == OTHER_SPEAKER
    assert other.any()
    assert (clips.window != clips.audio_window)[other].all()


def test_in_step_only_and_other_mouths():
    batch = numbered_batch([40, 40], [0, 1])
    clips = sample_clips(batch, 100, landmarks=batch.landmarks + 1, in_step=True)
    assert (clips.label == 1).all()
    assert (clips.mouth[:, :, 0, 0] - 1 == clips.audio[:, ::2, 0]).all()
