"""A certificate authority, and certificates that it signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lifecycle.parts.dask_security import Certificates


@dataclass(frozen=True)
class Authority:
    """An authority that signs certificates into a folder."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    file: Path

    def sign(self, name: str) -> Certificates:
        """Return the files of a new certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(_name(name), key, self.name, self.key, is_authority=False)
        return Certificates(
            self.file,
            _write(self.folder / f"{name}.pem", certificate.public_bytes(_PEM)),
            _write(self.folder / f"{name}.key", _key_bytes(key)),
        )


def make_authority(folder: Path) -> Authority:
    """Make an authority whose files are in a folder."""
    folder.mkdir(exist_ok=True)
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("authority")
    certificate = _sign(name, key, name, key, is_authority=True)
    file = _write(folder / "authority.pem", certificate.public_bytes(_PEM))
    return Authority(folder, name, key, file)


_PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
