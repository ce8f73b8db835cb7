"""Installed, everything lies under one package, and the command works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[2]
WINGS = ("tasks", "modules", "data_gen", "utils")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Build the wheel and unpack it as pip would, away from the checkout."""
    if find_spec("setuptools") is None:
        pytest.skip("the wheel is built with setuptools, which is not here")
    scratch = tmp_path_factory.mktemp("wheel")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in (os.fsdecode(name) for name in files if name):
        if name.split("/")[0] in (*WINGS, "egs", "checkpoints", "scripts") or "/" not in name:
            target = scratch / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-c", "import setuptools.build_meta as b; b.build_wheel('../built')"]
    (scratch / "built").mkdir()
    subprocess.run(command, cwd=scratch / "source", capture_output=True, check=True, timeout=HANG_S)
    (wheel,) = (scratch / "built").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch / "site")
    return scratch / "site"


KINDS = (".py", ".html", ".js", ".css", ".svg")


def vizeme(site: Path, folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIZEME_HOME")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "vizeme", *words], cwd=folder, capture_output=True, text=True, timeout=HANG_S,
        env=environment | {"PYTHONPATH": str(site)} | variables,
    )  # fmt: skip


def test_nothing_lies_bare_and_everything_is_there(installed):
    bare = {path.name for path in installed.iterdir()}
    assert {name for name in bare if not name.endswith(".dist-info")} == {"vizeme"}
    for wing in WINGS:
        ours = {path.relative_to(ROOT) for path in (ROOT / wing).rglob("*") if path.suffix in KINDS}
        assert ours == {path.relative_to(installed / "vizeme") for path in (installed / "vizeme" / wing).rglob("*")
                        if path.suffix in KINDS}  # fmt: skip
    assert (installed / "vizeme/egs/datasets/demo/syncnet.yaml").is_file()
    shipped = {path.relative_to(ROOT) for path in (ROOT / "checkpoints/shipped").rglob("*") if path.is_file()}
    assert shipped == {path.relative_to(installed / "vizeme")
                       for path in (installed / "vizeme/checkpoints").rglob("*") if path.is_file()}  # fmt: skip


def test_the_command_answers_from_any_folder(installed, tmp_path):
    assert vizeme(installed, tmp_path, "--version").stdout == "vizeme 0.1.0\n"
    assert "process" in vizeme(installed, tmp_path, "--help").stdout
    assert "lm3d_nerf_torso" in vizeme(installed, tmp_path, "run", "--list").stdout
    assert vizeme(installed, tmp_path, "run").stdout.startswith("usage: vizeme run [flags]")
    unmade = vizeme(installed, tmp_path, "train", "nobody").stderr
    assert "Make it with: vizeme process --id nobody" in unmade  # a wheel has no scripts
    slip = vizeme(installed, tmp_path, "spek")
    assert (slip.returncode, slip.stderr.split(".")[0]) == (2, "error: No command is called 'spek'")


def test_runs_and_data_lie_in_one_home(installed, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.wav").write_bytes(b"x")
    done = vizeme(installed, tmp_path / "here", "speak", "anna", "a.wav", "a.mp4", VIZEME_HOME=str(tmp_path / "home"))
    assert done.returncode == 2, done.stderr
    assert f"No trained lm3d_nerf_torso for 'anna' in {tmp_path / 'home' / 'checkpoints' / 'anna'}" in done.stderr


def test_a_reader_that_has_enough_is_no_error():
    command = f"{sys.executable} -m vizeme --help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
                          capture_output=True, text=True, timeout=HANG_S)  # fmt: skip
    assert (done.stdout, done.stderr) == ("usage: vizeme COMMAND ...\n", "")


def test_shell_scripts_keep_their_line_ends_on_every_machine():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    scripts = [name for name in map(os.fsdecode, files) if name and (ROOT / name).read_bytes()[:20].startswith(b"#!")]
    scripts = [name for name in scripts if b"sh\n" in (ROOT / name).read_bytes()[:40].partition(b"\n")[0] + b"\n"]
    assert "scripts/setup.sh" in scripts
    said = subprocess.run(["git", "check-attr", "eol", "--", *scripts], cwd=ROOT, capture_output=True, check=True)
    assert said.stdout.decode().splitlines() == [f"{name}: eol: lf" for name in scripts]
    assert not [name for name in scripts if b"\r" in (ROOT / name).read_bytes()]
