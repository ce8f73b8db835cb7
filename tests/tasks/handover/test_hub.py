"""A person is uploaded after a login and a yes only, and fetched as any stranger's pack; the hub here is a stand-in."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
import yaml
from huggingface_hub import HfApi
from huggingface_hub.errors import LocalEntryNotFoundError

from tasks import talking_head
from tasks.handover import hub
from tasks.handover.archive import open_archive
from tasks.handover.settings import PullCommand, PushCommand
from tasks.person.head import TalkingHead
from utils.errors import ConfigError, DataError

SAID = ["--licence", "CC BY 4.0", "--consent", "the made person agreed"]


class Hub:
    """Keep what is uploaded in a folder; calls must fit the real hub's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.api = folder, create_autospec(HfApi, instance=True)
        self.api.list_repo_files.side_effect = lambda repo: [path.name for path in folder.iterdir()]
        self.api.create_commit.side_effect = self.commit
        self.api.model_info.side_effect = self.info
        self.api.hf_hub_download.side_effect = lambda repo, name, revision: str(folder / name)

    def commit(self, repo: str, operations: list, commit_message: str) -> SimpleNamespace:
        for one in operations:
            with one.as_file() as file:
                (self.folder / one.path_in_repo).write_bytes(file.read())
        return SimpleNamespace(commit_url=f"https://huggingface.co/{repo}/commit/1")

    def info(self, repo: str, revision: str, files_metadata: bool) -> SimpleNamespace:
        digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.folder.iterdir()}
        files = [SimpleNamespace(rfilename=path.name, size=path.stat().st_size, lfs=SimpleNamespace(sha256=digest))
                 for path, digest in digests.items()]  # fmt: skip
        return SimpleNamespace(sha="abc", siblings=files)


@pytest.fixture
def there(tmp_path, monkeypatch) -> Hub:
    """Stand in for the hub, and for whoever is logged in there."""
    (tmp_path / "hub").mkdir()
    stand_in = Hub(tmp_path / "hub")
    monkeypatch.setattr(hub, "HfApi", lambda library_name: stand_in.api)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_x")
    monkeypatch.delenv("VIZEME_OFFLINE", raising=False)
    return stand_in


@pytest.fixture
def pushed(there, packed) -> Hub:
    shutil.copy(packed, there.folder / "made.vizeme")
    return there


def test_what_is_pushed_is_the_pack_and_a_card_that_the_hub_reads(there, portrayed, house, monkeypatch, capsys):
    monkeypatch.chdir(house)
    monkeypatch.setattr(hub, "read_index", lambda run: {1: {"val/mse": 0.25}} if run.name == "postnet" else {})
    assert talking_head.main(["push", "made", "someone/made", "--yes", *SAID]) == 0
    out, err = capsys.readouterr()
    assert out == "https://huggingface.co/someone/made/commit/1\n"
    assert "made (made.vizeme, " in err
    assert "MB, with pictures of the footage) goes to" in err
    assert "licence: CC BY 4.0\nconsent: the made person agreed" in err
    assert (there.folder / "made.vizeme").read_bytes() == portrayed.read_bytes()
    front, text = (there.folder / "README.md").read_text().split("---\n", 2)[1:]
    facts = yaml.safe_load(front)
    assert (facts["license"], facts["consent"]) == ("cc-by-4.0", "the made person agreed")
    assert {"talking-head", "vizeme"} <= set(facts["tags"])
    assert facts["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.25
    assert "vizeme pull someone/made" in text
    assert "- Consent: the made person agreed" in text
    assert "| postnet | `val/mse` | 0.25 |" in text


def test_nothing_is_sent_without_a_yes(there, house, monkeypatch):
    monkeypatch.chdir(house)
    command = PushCommand(id="made", repo="someone/made", licence="mine", consent="mine")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(ConfigError, match="Nothing was uploaded"):
        hub.push(command)
    with pytest.raises(ConfigError, match=r"Nobody can be asked here whether to upload\. Give --yes"):
        talking_head.main(["push", "made", "someone/made", *SAID])
    assert there.api.method_calls == []


def test_a_repository_of_other_things_is_left_alone(there, house, monkeypatch):
    monkeypatch.chdir(house)
    (there.folder / "README.md").write_text("mine")
    with pytest.raises(DataError, match=r"someone/made holds other things already: README\.md"):
        talking_head.main(["push", "made", "someone/made", "--yes", *SAID])
    assert (there.folder / "README.md").read_text() == "mine"


def test_whoever_is_pulled_speaks_as_before(pushed, house, tmp_path, monkeypatch, capsys):
    (tmp_path / "home/checkpoints").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home")
    assert talking_head.main(["pull", "someone/made", "friend"]) == 0
    assert capsys.readouterr().out == "checkpoints/friend\n"
    head = TalkingHead.load("friend", device="cpu")
    assert next(head.speak(house / "voice.wav")).shape == (32, 32, 3)
    with pytest.raises(DataError, match="checkpoints/friend is there already"):
        talking_head.main(["pull", "someone/made", "friend"])


def test_what_is_not_what_the_hub_says_is_not_unpacked(pushed, tmp_path, monkeypatch):
    (tmp_path / "home/checkpoints").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home")
    other = tmp_path / "other.vizeme"
    other.write_bytes((pushed.folder / "made.vizeme").read_bytes()[:-1])
    pushed.api.hf_hub_download.side_effect = lambda *_, revision: str(other)
    with pytest.raises(DataError, match=r"is not what someone/made says it is \(SHA-256\)"):
        hub.pull(PullCommand(repo="someone/made"))
    (pushed.folder / "second.vizeme").write_bytes(b"x")
    with pytest.raises(DataError, match="should hold one pack"):
        hub.pull(PullCommand(repo="someone/made"))
    pushed.api.model_info.side_effect = LocalEntryNotFoundError("no connection\nat all")
    with pytest.raises(DataError, match=r"someone/made at huggingface\.co: no connection at all\. Nothing was changed"):
        hub.pull(PullCommand(repo="someone/made"))
    assert not [path for path in Path().rglob("*") if path.is_file()]


def test_an_unnamed_licence_is_told_in_its_own_words(packed):
    with open_archive(packed) as archive:
        manifest = archive.manifest.model_copy(update={"licence": "public domain (NASA)", "consent": "a:\n- b"})
    facts = yaml.safe_load(hub.hub_card(manifest, "someone/made", {}).split("---\n")[1])
    assert (facts["license"], facts["license_name"]) == ("other", "public-domain-nasa")
    assert facts["consent"] == "a: - b"
    assert json.dumps(facts)
