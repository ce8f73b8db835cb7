"""A corpus is the same to the byte however often its making was killed, and whoever made its clips."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_gen import run
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipShards
from tests.data_gen.clips import toy
from tests.data_gen.clips.toy import NAMES, files_of, words
from tests.patience import HANG_S
from utils.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[3]


def test_a_build_killed_twice_gives_the_same_bytes_and_makes_no_finished_clip_again(
    videos, whole, tmp_path, monkeypatch
):
    out = tmp_path / "corpus"
    last = sorted(NAMES)[-1].removesuffix(".mp4")
    environment = {**os.environ, "TOY_HANGS": last, "PYTHONPATH": str(ROOT)}  # so it cannot end before it is killed
    command = [sys.executable, "-m", "tests.data_gen.clips.toy", *words(videos, out, "--workers=2")]
    rng = random.Random()
    for least in (1, 4):
        finished = kill_after(least + rng.randint(0, 1), rng.uniform(0, 0.1), command, environment, out)
        assert not (out / "index.json").exists(), "it was killed before its end"
    log = tmp_path / "last.txt"  # orphans of the killed run may still write into the other
    monkeypatch.setenv("TOY_LOG", str(log))
    toy.build(words(videos, out))
    assert files_of(out) == whole
    assert len(log.read_text().split()) == len(NAMES) - finished
    toy.build(words(videos, out))
    assert len(log.read_text().split()) == len(NAMES) - finished, "a corpus that is whole is not made again"
    assert files_of(out) == whole


def kill_after(least: int, more_s: float, command: list[str], environment: dict[str, str], out: Path) -> int:
    """Kill a build a moment after `least` clips are finished; return how many are."""
    running = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    while finished_clips(out) < least and running.poll() is None:
        time.sleep(0.005)
    time.sleep(more_s)
    running.send_signal(signal.SIGKILL)
    running.wait(timeout=HANG_S)
    return finished_clips(out)


def finished_clips(out: Path) -> int:
    """Count clips that wait for their shard and those in shards."""
    notes = [json.loads(file.read_text())["digests"] for file in out.glob("clips-*.json")]
    return len({file.stem for file in out.glob("parts/[!.]*")} | {d for digests in notes for d in digests.values()})


def test_parts_of_a_shard_that_a_kill_left_go_and_what_is_not_ours_stays(videos, whole, tmp_path, monkeypatch):
    out, held = tmp_path / "corpus", tmp_path / "held"
    keep_part = ClipShardWriter.write_part

    def kept_twice(writer, digest, result):
        keep_part(writer, digest, result)
        shutil.copytree(out / "parts", held, dirs_exist_ok=True)

    monkeypatch.setattr(ClipShardWriter, "write_part", kept_twice)
    toy.build(words(videos, out))
    assert len(list(held.iterdir())) == len(NAMES)
    (held / "notes.txt").write_text("theirs")
    shutil.copytree(held, out / "parts")  # as when the run is killed between a shard's notes and its parts' deletion
    toy.build(words(videos, out))
    assert [path.name for path in (out / "parts").iterdir()] == ["notes.txt"]
    assert {name: digest for name, digest in files_of(out).items() if name != "parts/notes.txt"} == whole


def test_what_is_refused_is_listed_counted_and_kept_out(tmp_path, capsys):
    raw = toy.make_videos(tmp_path / "more", ["dora/none.mp4"])
    (raw / "dora/broken.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match="not one clip could be used"):
        toy.build(words(raw, tmp_path / "none"))
    toy.make_videos(raw, ["dora/good.mp4"])
    assert toy.build(words(raw, tmp_path / "corpus")) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "skipped dora/broken: is not a video that ffmpeg can read.\nskipped dora/none: no face in any of 25 frames.\n"
        f"{tmp_path / 'corpus'}: 1 clips of 1 speaker(s), 0.0 minutes; 2 skipped; 2 made now in 0:"
    )
    assert set(ClipShards(tmp_path / "corpus").index.skipped) == {"dora/broken", "dora/none"}


def test_a_new_video_makes_only_itself(videos, whole, tmp_path, monkeypatch):
    raw = toy.make_videos(tmp_path / "raw", NAMES)
    log = tmp_path / "made.txt"
    monkeypatch.setenv("TOY_LOG", str(log))
    toy.build(words(raw, tmp_path / "corpus"))
    assert sorted(log.read_text().split()) == sorted(name.removesuffix(".mp4") for name in NAMES)
    log.write_text("")
    toy.make_videos(raw, ["abel/1.mp4"])
    toy.build(words(raw, tmp_path / "corpus"))
    assert log.read_text().split() == ["abel/1"]
    index = ClipShards(tmp_path / "corpus").index
    assert [clip.id for clip in index.clips][:2] == ["abel/1", "anna/0"]
    (raw / "abel/1.mp4").unlink()
    toy.build(words(raw, tmp_path / "corpus"))
    assert log.read_text().split() == ["abel/1"]
    assert len(ClipShards(tmp_path / "corpus").index.clips) == 6


def test_two_builds_of_one_folder_do_not_meet(videos, tmp_path):
    import fcntl

    (tmp_path / "corpus").mkdir()
    handle = os.open(tmp_path / "corpus", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(DataError, match="is being filled by another process"):
        toy.build(words(videos, tmp_path / "corpus"))
    os.close(handle)


def test_settings_that_make_no_sense_are_named(tmp_path):
    words = ["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="--per_shard 0: must be at least 1"):
        run.main([*words, "--per_shard", "0"])
    with pytest.raises(ConfigError, match="--cut_seconds nan: input should be a finite number"):
        run.main([*words, "--cut_seconds", "nan"])
    with pytest.raises(ConfigError, match="--audio_features names none"):
        run.main([*words, "--audio_features", ","])
    assert not list(tmp_path.iterdir())


def test_an_unknown_feature_is_named(tmp_path):
    with pytest.raises(DataError, match="No speech feature is called 'mell'"):
        run.main(["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out"), "--audio_features", "mell"])
