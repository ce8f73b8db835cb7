"""What a stranger may put into a pack is refused before anything is written."""

from __future__ import annotations

import json
import zipfile

import pytest

from tasks.handover.archive import Archive, member_of, open_archive, write_archive
from tasks.handover.manifest import Manifest
from utils.errors import DataError

NAME = "footage/meta.json"


@pytest.fixture
def sound(tmp_path):
    """Write a pack of one member."""
    file = tmp_path / "meta"
    file.write_text("{}")
    manifest = Manifest(id="anna", renderer="lm3d_nerf", licence="", consent="", members={NAME: member_of(file)})
    write_archive(tmp_path / "sound.vizeme", manifest, {NAME: file})
    return tmp_path / "sound.vizeme"


def written(path, *members, compression=zipfile.ZIP_STORED, **changed):
    """Write a pack as a stranger would: any members, and a manifest of any content."""
    manifest = {
        "id": "anna", "renderer": "lm3d_nerf", "licence": "", "consent": "",
        "members": {NAME: {"bytes": 2, "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}},
    } | changed  # fmt: skip
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, data in members:
            archive.writestr(name, data)
    return path


def test_a_sound_pack_gives_its_member(sound, tmp_path):
    with open_archive(sound) as archive:
        archive.copy_out(NAME, tmp_path / "out")
        assert (tmp_path / "out").read_text() == "{}"
        with pytest.raises(FileExistsError):
            archive.copy_out(NAME, tmp_path / "out")


@pytest.mark.parametrize(
    ("members", "changed", "text"),
    [
        ([(NAME, "{}"), ("../evil", "x")], {}, "it holds '../evil', which no pack does"),
        ([(NAME, "{}"), ("/etc/passwd", "x")], {}, "it holds '/etc/passwd', which no pack does"),
        ([(NAME, "{}"), ("runs/evil.ckpt", "x")], {}, "it holds 'runs/evil.ckpt', which no pack does"),
        ([(NAME, "{}"), ("README.md", "x")], {}, "manifest.json names other members than there are"),
        ([], {}, "manifest.json names other members than there are"),
        ([(NAME, "{ }")], {}, "footage/meta.json has 3 bytes, not 2"),
        ([(NAME, "{}")], {"id": "../anna"}, "manifest.json: id: value error, not a plain name"),
        ([(NAME, "{}")], {"version": 2}, "manifest.json: version: input should be 1"),
        ([(NAME, "{}")], {"more": 1}, "manifest.json: more: extra inputs are not permitted"),
    ],
)
def test_another_content_is_refused(tmp_path, members, changed, text):
    with pytest.raises(DataError) as error, open_archive(written(tmp_path / "a.vizeme", *members, **changed)):
        pass
    assert str(error.value) == (
        f"{tmp_path}/a.vizeme is no sound pack: {text}. Nothing was unpacked; fetch it again, or ask who made it."
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_a_bomb_and_a_lie_are_refused(tmp_path):
    for text, path in (
        ("it holds footage/meta.json twice", written(tmp_path / "a", (NAME, "{}"), (NAME, "{}"))),
        ("manifest.json is compressed", written(tmp_path / "b", (NAME, "{}"), compression=zipfile.ZIP_DEFLATED)),
    ):
        with pytest.raises(DataError, match=text), open_archive(path):
            pass


def test_a_member_that_was_changed_is_named_and_not_kept(tmp_path):
    path = written(tmp_path / "a.vizeme", (NAME, "[]"))
    with pytest.raises(DataError, match=r"footage/meta\.json is not what was packed \(SHA-256\)"):
        with open_archive(path) as archive:
            archive.copy_out(NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("keep", [0.2, 0.7, 0.99])
def test_half_a_pack_is_none(sound, tmp_path, keep):
    data = sound.read_bytes()
    (tmp_path / "half").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(DataError, match="is no sound pack"), open_archive(tmp_path / "half"):
        pass


def test_any_flipped_byte_gives_a_sound_member_or_one_line(sound, tmp_path):
    data = sound.read_bytes()
    for place in range(0, len(data), 7):
        (tmp_path / "flipped").write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        target = tmp_path / f"out{place}"
        try:
            with open_archive(tmp_path / "flipped") as archive:
                assert isinstance(archive, Archive)
                archive.copy_out(NAME, target)
            assert target.read_text() == "{}"
        except DataError:
            assert not target.exists()
