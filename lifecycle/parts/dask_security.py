"""Encryption and authentication of the connections to a Dask cluster.

Dask runs whatever its clients and workers send it, as the user of its processes. Over ``tls://``
scheduler, workers and clients accept only peers with a certificate of one authority; over
``tcp://`` they accept anyone. LightGBM's connections between workers can have neither: what
restricts them is the network.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from distributed import Security

from errors import InputError


@dataclass(frozen=True)
class Certificates:
    """Files of a client of the cluster, as PEM.

    Attributes:
        authority: certificate of the authority that has signed those of the cluster.
        certificate: of this client.
        key: of the certificate.
    """

    authority: Path
    certificate: Path
    key: Path


def security_of(scheduler: str | None, certificates: Certificates | None) -> Security | None:
    """Return how to connect to a scheduler; None for one without encryption.

    Raises:
        InputError: address and certificates do not fit together, or a file cannot be used.
    """
    scheme = scheme_of(scheduler) if scheduler is not None else None
    if scheme == "tls" and certificates is None:
        raise InputError(
            f"{scheduler} needs certificates: set CLUSTER_TLS_CA_FILE, CLUSTER_TLS_CERT_FILE and "
            "CLUSTER_TLS_KEY_FILE"
        )
    if certificates is None or scheme is None:
        return None
    if scheme != "tls":
        raise InputError(
            f"{scheduler} is not encrypted, although CLUSTER_TLS_CERT_FILE is set: use tls://, or "
            "leave the certificates out"
        )
    _require_usable(certificates)
    return Security(
        tls_ca_file=str(certificates.authority),
        tls_client_cert=str(certificates.certificate),
        tls_client_key=str(certificates.key),
        require_encryption=True,
    )


def is_exposed(scheduler: str | None) -> bool:
    """Return whether a connection to a scheduler leaves this machine unencrypted."""
    if scheduler is None or scheme_of(scheduler) == "tls":
        return False
    host = _split(scheduler).hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def scheme_of(scheduler: str) -> str:
    """Return the scheme of an address; ``tcp`` if it has none, as Dask takes it.

    Raises:
        InputError: it is neither ``tcp`` nor ``tls``.
    """
    scheme = _split(scheduler).scheme
    if scheme not in ("tcp", "tls"):
        raise InputError(f"{scheduler} is no address of a scheduler: tls://host:8786 is expected")
    return scheme


def _split(scheduler: str) -> SplitResult:
    return urlsplit(scheduler if "://" in scheduler else f"tcp://{scheduler}")


def _require_usable(certificates: Certificates) -> None:
    """Raise an error that names the setting of a file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(certificates.authority)
    except OSError as error:  # of which `ssl.SSLError` is one
        raise InputError(
            f"CLUSTER_TLS_CA_FILE: {certificates.authority}: {_reason(error)}"
        ) from error
    try:
        context.load_cert_chain(certificates.certificate, certificates.key, "")  # asks for none
    except OSError as error:
        raise InputError(
            f"CLUSTER_TLS_CERT_FILE, CLUSTER_TLS_KEY_FILE: {certificates.certificate}, "
            f"{certificates.key}: {_reason(error)}"
        ) from error


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no certificate, or no key that belongs to it, as PEM ({error.reason})"
    return error.strerror or str(error)
