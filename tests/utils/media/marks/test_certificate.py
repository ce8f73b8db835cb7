"""The certificate is made once, for its owner's eyes only; the user's own is taken as it is, or refused in one line."""

import os
import threading

import pytest
from cryptography import x509

from utils.errors import DataError
from utils.media.marks.certificate import CERTIFICATE, KEY, find_credential


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZEME_SIGNER", str(tmp_path / "config/signer"))
    return tmp_path / "config/signer"


def test_it_is_made_once_and_only_its_owner_may_read_the_key(folder):
    assert find_credential(make=False) is None
    first = find_credential()
    assert first.algorithm == "ed25519"
    assert find_credential() == first
    assert sorted(path.name for path in folder.parent.iterdir()) == ["signer"]
    if os.name != "nt":
        assert (folder / KEY).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o077 == 0


def test_it_names_nobody_and_its_issuer_is_another(folder):
    leaf, above = x509.load_pem_x509_certificates(find_credential().chain)
    assert leaf.issuer == above.subject != leaf.subject
    leaf.verify_directly_issued_by(above)
    text = (leaf.subject.rfc4514_string() + leaf.issuer.rfc4514_string()).lower()
    assert os.uname().nodename.lower() not in text


def test_two_that_begin_at_once_get_one(folder):
    got = []
    threads = [threading.Thread(target=lambda: got.append(find_credential())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.chain for one in got}) == 1


def test_one_that_is_made_between_two_looks_is_found(folder, monkeypatch):
    made, look = find_credential(), os.path.lexists
    hidden = [folder / CERTIFICATE]
    monkeypatch.setattr(os.path, "lexists", lambda file: look(file) and not (file in hidden and hidden.pop()))
    assert find_credential() == made
    assert not hidden


def test_what_cannot_be_used_is_refused_in_one_line(folder, tmp_path, monkeypatch):
    own = find_credential()
    (folder / KEY).write_text("no key")
    with pytest.raises(DataError, match=r"certificate and key cannot be used \(.+\)\.$"):
        find_credential()
    (folder / KEY).unlink()
    with pytest.raises(DataError, match=r"key\.pem is missing beside certificate\.pem\. Put it there, or move both"):
        find_credential()
    monkeypatch.setenv("VIZEME_SIGNER", str(tmp_path / "other"))
    find_credential()
    (tmp_path / "other" / CERTIFICATE).write_bytes(own.chain)
    with pytest.raises(DataError, match="the key is not that of the certificate"):
        find_credential()


def test_a_folder_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("VIZEME_SIGNER", str(tmp_path / "file/signer"))
    with pytest.raises(DataError):
        find_credential()
