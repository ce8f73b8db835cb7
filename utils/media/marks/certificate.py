"""The certificate that manifests are signed with: made once on this machine, or the user's own.

It lies with its key in the user's folder of settings, or in the folder that VIZEME_SIGNER names: `certificate.pem` (the
signer's, then those above it) and `key.pem`. What is made there is an Ed25519 key, whose signatures of the same bytes
are the same bytes; it names nobody. Nobody vouches for it either: it proves that two files are of one hand, and that
neither was changed. Who wants more puts a certificate there that somebody issued.
"""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files.aside import make_folder

CERTIFICATE, KEY = "certificate.pem", "key.pem"
_LARGEST = 1 << 20
_FROM, _TO = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2025, 2075))


@dataclass(frozen=True)
class Credential:
    """A certificate chain and its key, both as PEM.

    Attributes:
        algorithm: As c2pa calls it: ed25519, es256, es384, es512, ps256.
        serial: Number of the signer's certificate.
    """

    chain: bytes
    key: bytes
    algorithm: str
    serial: str


def folder_of_credential() -> Path:
    """Return where certificate and key lie."""
    import platformdirs

    named = os.environ.get("VIZEME_SIGNER", "")
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_config_dir("vizeme")) / "signer"


def find_credential(*, make: bool = True) -> Credential | None:
    """Read certificate and key; make them when there are none, or return None then.

    Raises:
        DataError: They cannot be made or read, or are not what c2pa can sign with.
    """
    folder = folder_of_credential()
    files = [folder / CERTIFICATE, folder / KEY]
    there = [file for file in files if os.path.lexists(file)]
    if len(there) == 1:  # both appear at once: between the two looks another process may have made them
        there = [file for file in files if os.path.lexists(file)]
    if not there and not make:
        return None
    if not there:
        _make(folder)
    elif len(there) == 1:
        missing = next(file for file in files if file not in there)
        raise DataError(f"{missing} is missing beside {there[0].name}. Put it there, or move both away.")
    try:
        chain, key = (_read(file) for file in files)
        return _credential(chain, key)
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or "an unknown form"
        raise DataError(f"{folder}: certificate and key cannot be used ({reason}).") from None


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"{file.name} is larger than any")
    return content


def _credential(chain: bytes, key: bytes) -> Credential:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    certificate = x509.load_pem_x509_certificates(chain)[0]
    private: Any = serialization.load_pem_private_key(key, None)
    kinds = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*kinds) != certificate.public_key().public_bytes(*kinds):
        raise ValueError("the key is not that of the certificate")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    elif isinstance(private, ec.EllipticCurvePrivateKey):
        algorithm = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(private.curve.name, "")
    else:
        algorithm = "ps256" if isinstance(private, rsa.RSAPrivateKey) else ""
    if not algorithm:
        raise ValueError("c2pa signs with Ed25519, P-256, P-384, P-521 and RSA keys")
    return Credential(chain, key, algorithm, str(certificate.serial_number))


def _make(folder: Path) -> None:
    """Make both in a folder of their own and rename it: of two processes that do so at once one wins, for both."""
    chain, key = _new()
    make_folder(folder.parent)
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # only its owner may look into it
        try:
            for name, content, mode in ((CERTIFICATE, chain, 0o644), (KEY, key, 0o600)):
                handle = os.open(aside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                with os.fdopen(handle, "wb") as opened:
                    opened.write(content)
            if not (folder / KEY).exists():
                os.rename(aside, folder)
        except OSError:
            if not (folder / KEY).exists():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"No certificate can be made in {folder} ({error.strerror}). Name another folder: VIZEME_SIGNER=FOLDER"
        ) from None


def _new() -> tuple[bytes, bytes]:
    """Return a new chain and key; the key of the certificate above, which c2pa wants to be there, is forgotten."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    above, own = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

    def named(name: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vizeme, made on its user's machine")
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), organisation])

    def usage(*, signs: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=not signs, crl_sign=not signs, encipher_only=False, decipher_only=False,
        )  # fmt: skip

    def begun(name: str, key: Ed25519PrivateKey, *, signs: bool) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("Vizeme root"))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(_FROM).not_valid_after(_TO)
        builder = builder.add_extension(x509.BasicConstraints(ca=not signs, path_length=None), critical=True)
        builder = builder.add_extension(usage(signs=signs), critical=True)
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)

    leaf = begun("Vizeme", own, signs=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
    chain = leaf.add_extension(known, critical=False).sign(above, None), begun("Vizeme root", above, signs=False).sign(
        above, None
    )
    private = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain), private
