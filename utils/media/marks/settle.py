"""Take chance out of a signed manifest, so that the same film by the same hand is the same bytes.

The library puts 16 random bytes into every assertion, so that who takes one out leaves nothing to guess it by. Here
nothing is ever taken out: those bytes become zeros, the digests of the assertions in the claim are mended, and the
claim is signed again, all at its place and of its length. Only an Ed25519 key signs without chance. What does not look
exactly as it must is left alone: it is as valid, and only not the same next time.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path

from utils.media.marks.certificate import Credential

_SALT = b"\0\0\0\x18c2sh"
_SALT_BYTES = 16
_SIGNATURE_BYTES = 64


class _Odd(Exception):
    """It does not look as it must."""


def settle(file: Path, manifest: bytes, credential: Credential) -> bool:
    """Make the manifest that lies in a file what it always is; tell whether that was done."""
    if credential.algorithm != "ed25519":
        return False
    try:
        settled = settled_manifest(manifest, credential.key)
    except (_Odd, ValueError, IndexError):
        return False
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as content:
        place = content.find(manifest)
        if place < 0 or len(settled) != len(manifest):
            return False
        content[place : place + len(manifest)] = settled
        if content[:4] == b"\x89PNG" and content[place - 4 : place] == b"caBX":
            chunk = bytes(content[place - 4 : place + len(manifest)])
            content[place + len(manifest) : place + len(manifest) + 4] = zlib.crc32(chunk).to_bytes(4, "big")
    return True


def settled_manifest(manifest: bytes, key: bytes) -> bytes:
    """Return a store of one manifest without chance in it, signed again with a PEM key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = serialization.load_pem_private_key(key, None)
    (store,) = _boxes(manifest, 0, len(manifest))
    (inner,) = _superboxes(manifest, store)
    parts = {_label(manifest, part): part for part in _superboxes(manifest, inner)}
    claim, signature = (_content(manifest, parts[name]) for name in ("c2pa.claim.v2", "c2pa.signature"))
    protected, place = _cose(manifest, signature)
    if not isinstance(private, Ed25519PrivateKey):
        raise _Odd
    try:
        old = manifest[place : place + _SIGNATURE_BYTES]
        private.public_key().verify(old, _signed(protected, manifest[slice(*claim)]))
    except InvalidSignature:
        raise _Odd from None
    settled = bytearray(manifest)
    for start, stop in _superboxes(manifest, parts["c2pa.assertions"]):
        salt = manifest.find(_SALT, start, stop)
        if salt < 0:
            continue
        salt += len(_SALT)
        settled[salt : salt + _SALT_BYTES] = bytes(_SALT_BYTES)
        before, after = (hashlib.sha256(whole[start + 8 : stop]).digest() for whole in (manifest, bytes(settled)))
        if manifest.count(before, *claim) != 1:
            raise _Odd
        digest = manifest.index(before, *claim)
        settled[digest : digest + len(after)] = after
    settled[place : place + _SIGNATURE_BYTES] = private.sign(_signed(protected, bytes(settled[slice(*claim)])))
    return bytes(settled)


def _boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where boxes that follow each other begin and end."""
    while start < stop:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > stop:
            raise _Odd
        yield start, start + size
        start += size


def _superboxes(data: bytes, box: tuple[int, int]) -> list[tuple[int, int]]:
    """List the boxes in a superbox that are superboxes themselves."""
    if data[box[0] + 4 : box[0] + 8] != b"jumb":
        raise _Odd
    inner = _boxes(data, box[0] + 8, box[1])
    return [one for one in inner if data[one[0] + 4 : one[0] + 8] == b"jumb"]


def _label(data: bytes, box: tuple[int, int]) -> str:
    begin = box[0] + 8 + 8 + 17  # two headers, a UUID and a byte of switches
    return data[begin : data.index(b"\0", begin, box[1])].decode("ascii", "replace")


def _content(data: bytes, box: tuple[int, int]) -> tuple[int, int]:
    """Return where the CBOR in a superbox begins and ends."""
    inner = list(_boxes(data, box[0] + 8, box[1]))
    start, stop = inner[-1]
    if len(inner) != 2 or data[start + 4 : start + 8] != b"cbor":
        raise _Odd
    return start + 8, stop


def _cose(data: bytes, content: tuple[int, int]) -> tuple[bytes, int]:
    """Return the protected header of a COSE_Sign1, and where its signature, which ends it, begins."""
    start, stop = content
    if data[start : start + 2] != b"\xd2\x84":
        raise _Odd
    length, start = _length(data, start + 2)
    place = stop - _SIGNATURE_BYTES
    if data[place - 3 : place] != b"\xf6\x58\x40":  # no payload, then 64 bytes
        raise _Odd
    return data[start : start + length], place


def _length(data: bytes, start: int) -> tuple[int, int]:
    """Read the head of a CBOR byte string: its length, and where it begins."""
    kind, small = data[start] >> 5, data[start] & 31
    if kind != 2 or small > 25:
        raise _Odd
    more = max(0, small - 23)
    return (int.from_bytes(data[start + 1 : start + 1 + more], "big") if more else small), start + 1 + more


def _signed(protected: bytes, claim: bytes) -> bytes:
    """Return what is signed: COSE's Sig_structure in CBOR."""
    return b"\x84\x6aSignature1" + _string(protected) + b"\x40" + _string(claim)


def _string(data: bytes) -> bytes:
    size = len(data)
    if size < 24:
        return bytes([0x40 | size]) + data
    more = 1 if size < 1 << 8 else 2 if size < 1 << 16 else 4
    return bytes([0x40 | 23 + (1, 2, 4).index(more) + 1]) + size.to_bytes(more, "big") + data
