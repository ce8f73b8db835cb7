"""Every line says what is lost and how to mend it; what must be mended first is exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.person.commands import doctor
from tasks.person.settings import DoctorCommand
from utils.asset_table import ASSETS
from utils.errors import DataError


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZEME_ASSETS", str(tmp_path / "given"))
    monkeypatch.setattr("utils.assets.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 50e9}))
    monkeypatch.chdir(tmp_path)


def test_a_sound_machine_is_exit_code_0_and_one_json_object(capsys):
    assert doctor.main(DoctorCommand(json_=True)) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is True
    verdicts = {line["name"]: line["verdict"] for line in said["lines"]}
    assert (verdicts["Python"], verdicts["torch"], verdicts["ffmpeg"], verdicts["disk"]) == ("ok",) * 4
    assert {verdicts[name] for name in ASSETS} == {"note"}


def test_what_must_be_mended_is_exit_code_2_with_its_remedy(monkeypatch, capsys):
    def broken(*_):
        raise DataError("ffmpeg: cannot run")

    monkeypatch.setattr(doctor, "run", broken)
    assert doctor.main(DoctorCommand()) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 + len(ASSETS)
    (bad,) = [line for line in lines if line.startswith("bad")]
    assert " ".join(bad.split()) == (
        "bad ffmpeg it does not run (ffmpeg: cannot run); pip install --force-reinstall imageio-ffmpeg"
    )


@pytest.mark.parametrize(("version", "verdict"), [((3, 10), "bad"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "bad")])
def test_python_is_judged_by_its_version(version, verdict):
    assert doctor.python_line(version).verdict == verdict


@pytest.mark.parametrize(("free", "verdict"), [(0.5, "bad"), (3.0, "note"), (30.0, "ok")])
def test_room_is_judged_by_what_a_person_takes(free, verdict):
    line = doctor.disk_line(free, Path("/data"))
    assert (line.verdict, "VIZEME_HOME" in line.said) == (verdict, verdict != "ok")


def test_every_outside_weight_says_size_licence_loss_and_command(tmp_path):
    for name, asset in ASSETS.items():
        line = doctor.asset_line(name)
        assert f"not here ({asset.megabytes} MB, {asset.licence}): {asset.without}; " in line.said
        assert line.said.endswith(f"python -m utils.assets download {name}")
        assert asset.megabytes > 0
        assert asset.without
    (tmp_path / "given").mkdir()
    (tmp_path / "given/face_landmarker.task").write_bytes(b"x")
    assert "damaged" in doctor.asset_line("face_landmarker").said
    (tmp_path / "given/whisper-base-encoder").mkdir()
    assert doctor.asset_line("whisper_base_encoder").verdict == "ok"


def test_a_home_that_cannot_be_one_is_bad(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    for place in ("file", "file/under", "loop"):
        assert doctor.home_line(tmp_path / place).verdict == "bad", place
    assert "GB free" in doctor.home_line(tmp_path / "new" / "er").said
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert "may not be written" in doctor.home_line(tmp_path).said
