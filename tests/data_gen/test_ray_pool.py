"""Work is shared among the machines of a Ray cluster, and is the same as without it."""

from __future__ import annotations

import operator
import sys
from types import SimpleNamespace

import pytest

from data_gen import run
from data_gen.ray_pool import AHEAD, CRASHED, RayPool, mapped, pool_of
from tests.made_faces import make_faces, make_recogniser
from utils.errors import ConfigError, DataError


def double(job):
    """Do a job of the tests."""
    return 2 * job


class Died(Exception):
    """What Ray raises when a worker is gone."""


class Lost(Exception):
    """What Ray raises when the cluster is gone."""


class FakeRay:
    """A cluster in this process: the job begun last is the first to be done, `deadly` dies, and `lost` ends it all."""

    def __init__(self, cpus=2):
        self.cpus, self.most, self.flying, self.closed = cpus, 0, [], 0
        names = {"WorkerCrashedError": Died, "OutOfMemoryError": Died, "RayTaskError": KeyError, "RayError": Lost}
        self.exceptions = SimpleNamespace(**names)

    def is_initialized(self):
        return False

    def init(self, **_):
        if self.cpus == 0:
            raise ConnectionError("nobody\nthere")

    def shutdown(self):
        self.closed += 1

    def cluster_resources(self):
        return {"CPU": self.cpus}

    def remote(self, function):
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._begin))

    def _begin(self, job):
        token = object()
        self.flying.append((token, job))
        self.most = max(self.most, len(self.flying))
        return token

    def wait(self, tokens, num_returns):
        return [self.flying[-1][0]], tokens

    def get(self, token):
        job = dict(self.flying)[token]
        self.flying = [pair for pair in self.flying if pair[0] is not token]
        if job == "deadly":
            raise Died
        if job == "lost":
            raise Lost("the head is gone")
        return f"node{len(self.flying) % 2}", double(job)


@pytest.fixture
def ray(monkeypatch):
    """Put a cluster of this process in the place of Ray."""
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def test_results_come_in_order_and_few_are_ahead(ray):
    with RayPool("head:6379") as cluster:
        assert list(cluster.map(double, range(40))) == [2 * number for number in range(40)]
    assert ray.most <= AHEAD * ray.cpus
    assert sum(cluster.nodes.values()) == 40
    assert ray.closed == 1


def test_in_any_order_each_comes_once_with_its_number(ray):
    with RayPool("head:6379") as cluster:
        results = list(cluster.each(double, range(20)))
    assert [number for number, _ in results] != list(range(20))
    assert sorted(results) == [(number, 2 * number) for number in range(20)]


def test_a_job_whose_process_dies_is_told_and_the_others_are_done(ray):
    with RayPool("head:6379") as cluster:
        assert list(cluster.map(double, ["a", "deadly", "b"])) == ["aa", CRASHED, "bb"]


def test_a_cluster_that_is_lost_or_not_there_is_one_line(ray):
    with pytest.raises(DataError, match=r"^Ray: the head is gone What is finished is kept: give the command again\.$"):
        with RayPool("head:6379") as cluster:
            list(cluster.map(double, ["a", "lost"]))
    assert ray.closed == 1
    ray.cpus = 0
    with pytest.raises(ConfigError, match=r"^No Ray cluster answers at head:6379 \(nobody there\)\. Start one: ray "):
        RayPool("head:6379").__enter__()


def test_without_ray_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"^--ray_address needs Ray\. Install it: pip install 'ray>=2\.40'$"):
        RayPool("auto").__enter__()


def test_the_pool_is_a_cluster_processes_or_this_process(ray, capsys):
    with pool_of(1, "head:6379", "photos") as pool:
        assert list(mapped(pool, double, [1, 2])) == [2, 4]
    assert capsys.readouterr().out.count("photos") >= 1
    with pool_of(1, "", "photos") as pool:
        assert pool is None
        assert list(mapped(pool, double, [1, 2])) == [2, 4]
    with pool_of(2, "", "photos") as pool:  # whose processes would import all of this file for a function of it
        assert list(mapped(pool, operator.neg, [1, 2])) == [-1, -2]


def files_of(folder):
    """Return the bytes of a dataset by their names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_cluster_of_two_machines_makes_faces_and_persons_as_one_process_does(tmp_path, capsys, monkeypatch):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")
    make_faces(tmp_path / "faces", people=3, photos=3)
    recogniser = make_recogniser(tmp_path / "recogniser.onnx")
    templates = ["templates", f"--faces={tmp_path / 'faces'}", f"--recogniser={recogniser}", "--aligned"]
    persons = ["face_voice", "--made=3", "--val=0.34", "--test=0", "--per_shard=2"]
    commands = {"templates": [*templates, "--val_identities=1"], "persons": persons}
    for name, words in commands.items():
        assert run.main([*words, f"--out={tmp_path / name}"]) == 0
    capsys.readouterr()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        for name, words in commands.items():
            out = tmp_path / f"{name}_by_ray"
            assert run.main([*words, f"--out={out}", f"--ray_address={cluster.address}"]) == 0
            assert files_of(out) == files_of(tmp_path / name)
            assert "Ray node " in capsys.readouterr().out
    finally:
        cluster.shutdown()


