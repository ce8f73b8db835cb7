"""Whoever makes the clips, in processes here or on a Ray cluster, the corpus is the same."""

from __future__ import annotations

import re

import pytest

from data_gen.clips.shards import ClipShards
from tests.data_gen.clips import toy
from tests.data_gen.clips.toy import NAMES, files_of, words


def test_any_number_of_workers_gives_the_same_bytes(videos, whole, tmp_path):
    assert toy.build(words(videos, tmp_path / "corpus", "--workers", "3")) == 0
    assert files_of(tmp_path / "corpus") == whole


def test_a_video_that_kills_its_worker_is_refused_and_the_others_are_made(tmp_path, capsys):
    raw = toy.make_videos(tmp_path / "raw", ["a/1.mp4", "a/deadly.mp4", "b/1.mp4"])
    assert toy.build(words(raw, tmp_path / "corpus", "--workers", "2")) == 0
    index = ClipShards(tmp_path / "corpus").index
    assert [clip.id for clip in index.clips] == ["a/1", "b/1"]
    assert "died twice" in index.skipped["a/deadly"]


def test_a_ray_cluster_of_two_nodes_gives_the_same_bytes(videos, whole, tmp_path, capsys, monkeypatch):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        monkeypatch.setenv("TOY_SECONDS", "0.3")
        assert toy.build(words(videos, tmp_path / "corpus", "--ray_address", cluster.address)) == 0
    finally:
        cluster.shutdown()
    assert files_of(tmp_path / "corpus") == whole
    # which node gets how many is Ray's choice: a slow one may get none of so few
    made = [int(count) for count in re.findall(r"Ray node \w+: (\d+) clips", capsys.readouterr().out)]
    assert sum(made) == len(NAMES)
    assert 1 <= len(made) <= 2
