"""Access of commands to a Dask cluster, as the settings `CLUSTER_*` say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.progress import warn
from config.topics import ClusterSettings
from errors import InputError

if TYPE_CHECKING:
    from lifecycle.parts.dask_security import Certificates

_FILES = ("cluster_tls_ca_file", "cluster_tls_cert_file", "cluster_tls_key_file")


def read_certificates(settings: ClusterSettings) -> Certificates | None:
    """Return the files that the settings name; None if they name none.

    Raises:
        InputError: they name some of the three only.
    """
    from lifecycle.parts.dask_security import Certificates

    files = {name: getattr(settings, name) for name in _FILES}
    missing = [name.upper() for name, path in files.items() if path is None]
    if len(missing) == len(files):
        return None
    if missing:
        present = next(name.upper() for name, path in files.items() if path is not None)
        raise InputError(f"{', '.join(missing)}: needed, because {present} is set")
    return Certificates(*files.values())


def access_of(scheduler: str | None, settings: ClusterSettings) -> Certificates | None:
    """Return the certificates for a scheduler, and warn if it is used without.

    Raises:
        InputError: see `read_certificates`.
    """
    certificates = read_certificates(settings)
    warn_if_exposed(scheduler)
    return certificates


def warn_if_exposed(scheduler: str | None) -> None:
    """Warn of a scheduler whose connections leave this machine without encryption."""
    from lifecycle.parts.dask_security import is_exposed

    if is_exposed(scheduler):
        warn(
            f"connections to {scheduler} are neither encrypted nor authenticated: whoever can "
            "reach the cluster can run code on it, and read and alter the model; use tls:// and "
            "certificates, or a network of its own"
        )
