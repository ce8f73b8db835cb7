"""A corpus gives whole, aligned windows of any mix of sources, the same for the same generator."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.clips.corpus import MotionCorpus, collate
from tests.made import make_video_dataset
from utils.errors import DataError
from utils.files.tables import read_json, write_json
from utils.sound.speech_level import SOUND_LEVEL


def test_windows_are_aligned_and_a_function_of_the_generator(shards):
    corpus = MotionCorpus([shards.path], "mel", "all")
    assert (corpus.frames, corpus.audio_dim, len(corpus.speakers)) == (90, 80, 2)
    batch = corpus.batch(np.random.default_rng(3), 16, 24)
    again = corpus.batch(np.random.default_rng(3), 16, 24)
    for one, other in zip(batch, again, strict=True):
        assert one.equal(other)
    assert batch.audio.shape == (16, 48, 80)
    assert batch.mask.sum(dim=1).unique().tolist() == [20, 24]
    for i in range(16):
        n = int(batch.mask[i].sum())
        place = batch.landmarks[i, :n, 0, 0]
        assert (place.diff() == 1).all()
        assert batch.audio[i, : 2 * n : 2, 5].equal(place)
        assert batch.pitch_hz[i, 1 : 2 * n : 2].equal(place)
        assert batch.landmarks[i, n:].abs().sum() == 0
        assert int(batch.speaker[i]) == (1 if place[0] >= 3000 else 0)


def test_validation_windows_cover_every_frame_once(shards):
    corpus = MotionCorpus([shards.path], "mel", "all")
    batches = corpus.whole(15, size=2)
    seen = sorted(float(v) for b in batches for v in b.landmarks[..., 0, 0][b.mask])
    # the remaining 5 and 10 frames are too short for a window
    wanted = [*range(1000, 1030), *range(2000, 2015), *range(3000, 3030)]
    assert seen == wanted


def test_a_video_and_clips_together(shards, tmp_path):
    video = make_video_dataset(tmp_path / "videos/made", frames=80, size=16)
    corpus = MotionCorpus([shards.path, video.path], "mel", "train")
    assert len(corpus.speakers) == 2
    stretches = [(run.start, run.stop) for run in corpus.runs if run.source == 1]
    assert stretches == video.shots("train")
    mean, std, landmarks = corpus.statistics()
    assert mean.shape == std.shape == (80,)
    assert landmarks.shape == (68, 3)
    window = corpus.read(corpus.runs[-1], 3, 5)
    first = corpus.runs[-1].start + 3
    np.testing.assert_array_equal(window.landmarks, video.landmarks[first : first + 5])
    np.testing.assert_array_equal(window.audio, video.audio("mel")[2 * first : 2 * first + 10])
    assert collate([window]).mask.all()


def test_speech_that_is_louder_in_one_source_than_in_another_is_refused(shards, tmp_path):
    video = make_video_dataset(tmp_path / "videos/made", frames=80, size=16)
    assert MotionCorpus([shards.path, video.path], "mel").sound_level == SOUND_LEVEL
    meta = read_json(video.path / "meta.json") | {"sound_level": ""}
    write_json(video.path / "meta.json", meta)
    assert MotionCorpus([video.path], "mel").sound_level == ""
    with pytest.raises(DataError, match=r"not equally loud everywhere: .*Make what has no level again"):
        MotionCorpus([shards.path, video.path], "mel")


def test_missing_data_names_the_command(tmp_path):
    with pytest.raises(DataError) as error:
        MotionCorpus([tmp_path / "videos/may"], "mel")
    where = tmp_path / "videos/may"
    assert str(error.value) == (
        f"No processed video at {where}. Make it with: python data_gen/run.py video --id may --video <your video>.mp4"
    )
    with pytest.raises(DataError) as error:
        MotionCorpus([tmp_path / "lrs3"], "hubert")
    where = tmp_path / "lrs3"
    assert str(error.value) == (
        f"No clips at {where}. Make them with: python data_gen/run.py clips --out {where} --videos <folder of videos> "
        "--audio_features hubert"
    )


def test_a_missing_feature_is_named(shards):
    with pytest.raises(DataError, match=r"no audio feature 'hubert'\. It has mel.*--audio_features hubert"):
        MotionCorpus([shards.path], "hubert")


def test_many_clips_open_at_once_and_are_read_in_little_memory(tmp_path):
    """The small sister of `python -m tests.benchmarks.corpus`, which has twenty times as many clips."""
    from tests.benchmarks.corpus import make_corpus, measure

    make_corpus(tmp_path / "corpus", 500, 1.0, "mel")
    found = measure(tmp_path / "corpus", "mel", 32, 20, 20)
    assert found["clips"] == 495
    assert found["open_cpu_s"] < 0.5
    assert found["opened_mb"] - found["before_mb"] < 20
    assert found["peak_mb"] - found["before_mb"] < 400, "torch and its libraries themselves take some 300"
    assert found["batch_cpu_s"] < 0.2


def test_another_share_of_a_video_can_be_held_out(tmp_path):
    video = make_video_dataset(tmp_path / "made", frames=100, size=32)
    told, more = (MotionCorpus([video.path], "mel", "val", val_share=share) for share in (0.0, 0.3))
    assert told.frames == 100 - video.meta.val_start
    assert more.frames == 30
    train = MotionCorpus([video.path], "mel", "train", val_share=0.3)
    assert max(run.stop for run in train.runs) == min(run.start for run in more.runs) == 70
    assert train.frames + more.frames == 100
    assert more.fingerprint != told.fingerprint


def test_talkers_are_held_out_with_all_they_say(shards):
    talkers = {clip.speaker for clip in shards.index.clips}
    held_out = sorted(talkers)[0]
    train, val = (MotionCorpus([shards.path], "mel", split, val_talkers=[held_out]) for split in ("train", "val"))
    assert [name.split(":")[1] for name in val.speakers] == [held_out]
    assert {name.split(":")[1] for name in train.speakers} == talkers - {held_out}
    assert train.frames + val.frames == MotionCorpus([shards.path], "mel", "all").frames
    assert train.fingerprint != MotionCorpus([shards.path], "mel").fingerprint
    with pytest.raises(DataError, match=r"val_talkers: .* has no clip of nobody\. Name talkers of its index"):
        MotionCorpus([shards.path], "mel", val_talkers=["nobody"])


def test_talkers_of_a_centred_corpus_have_no_face_of_their_own(shards):
    plain, centred = (MotionCorpus([shards.path], "mel", "all", centred=yes) for yes in (False, True))
    for speaker in range(len(plain.speakers)):
        runs = [run for run in plain.runs if run.speaker == speaker]
        face = np.concatenate([plain.read(run).landmarks for run in runs]).mean(axis=0)
        for run in runs:
            np.testing.assert_allclose(centred.read(run).landmarks, plain.read(run).landmarks - face, atol=1e-3)
    assert plain.fingerprint != centred.fingerprint
