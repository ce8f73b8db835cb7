"""The signed manifest (C2PA, spec.c2pa.org): written into a finished file, and read from strangers' files.

No network: no time stamp, no manifests that lie elsewhere, no lists of revoked certificates.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import DataError, UserError
from utils.files.digests import sha256
from utils.media.marks.certificate import find_credential
from utils.media.marks.origin import ASSERTION, SOFTWARE, Origin
from utils.media.marks.settle import settle

TYPES = {
    ".mp4": "video/mp4", ".mov": "video/quicktime", ".m4v": "video/mp4", ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg", ".webp": "image/webp",
}  # fmt: skip
_LARGEST_BOX = 64 << 20
"""Bytes of a box or chunk that is read into memory; an hour's table of pictures has some three million."""
_SETTINGS: dict[str, Any] = {
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True)
class Manifest:
    """What a file's manifest says.

    Attributes:
        software: Which one wrote it.
        source_type: The IPTC's word for what the file is, without its address.
        facts: What this program says of where the file comes from; empty for what others wrote.
        signer: The name in the certificate.
        own: Whether it is the certificate of this machine.
        unchanged: Whether file and manifest are as they were signed.
        problem: Why they are not.
    """

    software: str
    source_type: str
    facts: dict[str, str] = field(default_factory=dict)
    signer: str = ""
    own: bool = False
    unchanged: bool = False
    problem: str = ""

    @property
    def is_ours(self) -> bool:
        """Tell whether this program wrote it."""
        return self.software.split(" ")[0] == SOFTWARE


def sign(file: Path, origin: Origin) -> None:
    """Put a signed manifest into a finished film or picture; the same file by the same hand gives the same bytes.

    Raises:
        UserError: It could not be done; the file is as it was.
    """
    aside = file.with_suffix(f".signed{file.suffix}")
    try:
        _sign(file, aside, origin)
        os.replace(aside, file)
    except UserError:
        raise
    except Exception as error:  # the library, or a library that is not here, fails in many ways
        raise DataError(" ".join(str(error).split()) or type(error).__name__) from None
    finally:
        aside.unlink(missing_ok=True)


def _sign(file: Path, aside: Path, origin: Origin) -> None:
    import c2pa

    credential = find_credential()
    assert credential is not None
    definition = origin.definition()
    content = hashlib.sha256((sha256(file) + json.dumps(definition, sort_keys=True)).encode()).digest()
    definition["label"] = f"urn:c2pa:{uuid.UUID(bytes=content[:16], version=4)}"
    definition["instance_id"] = f"xmp:iid:{uuid.UUID(bytes=content[16:], version=4)}"
    algorithm = c2pa.C2paSigningAlg[credential.algorithm.upper()]
    info = c2pa.C2paSignerInfo(algorithm, credential.chain, credential.key, None)
    with (
        c2pa.Context.from_dict(_SETTINGS) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(definition, context) as builder,
        file.open("rb") as source,
        aside.open("w+b") as target,
    ):
        manifest = builder.sign(signer, TYPES[file.suffix.lower()], source, target)
    settle(aside, manifest, credential)


def type_of(file: Path) -> str:
    """Tell by its first bytes what a file is; nothing when it is of no kind that bears a manifest."""
    with file.open("rb") as opened:
        start = opened.read(12)
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return "image/webp"
    kinds = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
    film = "video/mp4" if start[4:8] == b"ftyp" else ""
    return next((kind for begin, kind in kinds.items() if start.startswith(begin)), film)


def read_manifest(file: Path) -> Manifest | None:
    """Read the manifest of a file from anywhere; None when it has none, or is of a kind that bears none.

    Raises:
        DataError: There is one that cannot be read.
    """
    kind = type_of(file)
    if not kind or not _may_be_read(file):
        return None
    import c2pa

    settings, serial = _own()
    try:
        with c2pa.Context.from_dict(settings) as context, file.open("rb") as stream:
            with c2pa.Reader(kind, stream, context=context) as reader:
                return _told(json.loads(reader.json()), str(reader.get_validation_state()), serial)
    except c2pa.C2paError.ManifestNotFound:
        return None
    except Exception as error:  # a file of a stranger, and a library that fails in many ways
        raise DataError(" ".join(str(error).split())[:200]) from None


def _may_be_read(file: Path) -> bool:
    """Tell whether no box or chunk that is read whole is larger than any of ours."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(12)
        if start[4:8] != b"ftyp":
            return size <= _LARGEST_BOX
        place = 0
        while place + 8 <= size:
            opened.seek(place)
            head = opened.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:16], "big") if length == 1 else length or size - place
            if length < 8 or (head[4:8] != b"mdat" and length > _LARGEST_BOX):
                return False
            place += length
    return True


def _told(store: dict[str, Any], state: str, serial: str) -> Manifest:
    active = store["manifests"][store["active_manifest"]]
    software = " ".join(str(active["claim_generator_info"][0].get(name, "")) for name in ("name", "version")).strip()
    parts = {one["label"]: one["data"] for one in active.get("assertions", []) if isinstance(one.get("data"), dict)}
    actions = [one for label, data in parts.items() if label.startswith("c2pa.actions") for one in data["actions"]]
    source = next((str(one["digitalSourceType"]) for one in actions if "digitalSourceType" in one), "")
    facts = {str(name): str(value)[:500] for name, value in parts.get(ASSERTION, {}).items()}
    signature = active.get("signature_info", {})
    own = state == "Trusted" and str(signature.get("cert_serial_number")) == serial
    broken = [one for one in store.get("validation_status", []) if one["code"] != "signingCredential.untrusted"]
    return Manifest(
        software, source.rsplit("/", 1)[-1], facts, str(signature.get("common_name", "")), own,
        state in ("Valid", "Trusted"), str(broken[0]["code"]) if broken else "",
    )  # fmt: skip


def _own() -> tuple[dict[str, Any], str]:
    """Return settings by which those are trusted who issued this machine's certificate, and its serial number."""
    try:
        credential = find_credential(make=False)
    except UserError:
        credential = None
    if credential is None:
        return _SETTINGS, ""
    begin = "-----BEGIN CERTIFICATE-----"
    issuer = begin + credential.chain.decode("ascii", "replace").rpartition(begin)[2]
    return {**_SETTINGS, "trust": {"user_anchors": issuer}}, credential.serial
