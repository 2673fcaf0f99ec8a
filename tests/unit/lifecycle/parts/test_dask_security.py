"""Connections to a Dask cluster are encrypted and authenticated, or said not to be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from errors import InputError
from lifecycle.parts import dask_cluster
from lifecycle.parts.dask_cluster import connect_dask
from lifecycle.parts.dask_security import Certificates, is_exposed, security_of
from tests.support.certificates import Authority, make_authority
from tests.support.dask_processes import dask_processes

TLS = "tls://scheduler:8786"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "certificates")


@pytest.mark.parametrize(
    ("scheduler", "exposed"),
    [
        pytest.param(None, False, id="a cluster that is started here"),
        pytest.param("tcp://127.0.0.1:8786", False, id="loopback"),
        pytest.param("tcp://[::1]:8786", False, id="loopback, IPv6"),
        pytest.param("tcp://localhost:8786", False, id="localhost"),
        pytest.param("127.0.0.1:8786", False, id="no scheme"),
        pytest.param(TLS, False, id="encrypted"),
        pytest.param("tcp://10.0.0.7:8786", True, id="another machine"),
        pytest.param("tcp://scheduler:8786", True, id="a name"),
        pytest.param("scheduler:8786", True, id="a name without a scheme"),
    ],
)
def test_only_an_unencrypted_address_of_another_machine_is_exposed(
    scheduler: str | None, exposed: bool
) -> None:
    assert is_exposed(scheduler) is exposed


def test_an_encrypted_address_needs_certificates() -> None:
    with pytest.raises(InputError, match="CLUSTER_TLS_CERT_FILE"):
        security_of(TLS, None)


def test_certificates_are_refused_for_an_address_that_is_not_encrypted(
    authority: Authority,
) -> None:
    with pytest.raises(InputError, match="not encrypted"):
        security_of("tcp://scheduler:8786", authority.sign("client"))


@pytest.mark.parametrize("address", ["http://scheduler:8786", "ucx://scheduler:8786"])
def test_another_scheme_is_refused(address: str) -> None:
    with pytest.raises(InputError, match=re.escape(address)):
        security_of(address, None)


@pytest.mark.parametrize(
    ("broken", "setting"),
    [
        pytest.param("authority", "CLUSTER_TLS_CA_FILE", id="authority"),
        pytest.param("certificate", "CLUSTER_TLS_CERT_FILE", id="certificate"),
        pytest.param("key", "CLUSTER_TLS_KEY_FILE", id="key"),
    ],
)
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "no PEM"])
def test_a_file_that_cannot_be_used_is_named_with_its_setting(
    authority: Authority, tmp_path: Path, broken: str, setting: str, missing: bool
) -> None:
    files = vars(authority.sign("client")) | {broken: tmp_path / "other.pem"}
    if not missing:
        files[broken].write_text("no certificate")
    with pytest.raises(InputError, match=rf"{setting}.*other\.pem"):
        security_of(TLS, Certificates(**files))


@pytest.mark.slow
def test_a_cluster_with_certificates_accepts_those_of_its_authority_only(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = make_authority(tmp_path / "strangers")
    with dask_processes(tmp_path, workers=1, certificates=authority.sign("node")) as cluster:
        assert cluster.address.startswith("tls://")
        access = authority.sign("client")
        with connect_dask(cluster.address, workers=1, certificates=access) as client:
            assert client.submit(sum, [1, 2]).result() == 3
            [worker] = client.nthreads()
            assert worker.startswith("tls://")
        monkeypatch.setattr(dask_cluster, "_CONNECT", "2s")
        with (
            pytest.raises(InputError, match="does not accept the certificate"),
            connect_dask(
                cluster.address,
                workers=1,
                certificates=Certificates(
                    access.authority,
                    *(vars(strangers.sign("stranger"))[name] for name in ("certificate", "key")),
                ),
            ),
        ):
            pass
        with pytest.raises(OSError, match=r"Timed out|closed|connect"):
            Client(cluster.address.replace("tls://", "tcp://"), timeout="2s")


@pytest.mark.slow
def test_a_cluster_that_is_started_here_accepts_its_own_client_only() -> None:
    with connect_dask(None, workers=1) as client:
        scheduler: Any = client.scheduler
        address = scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(OSError, match=r"closed|connect"):
            Client(address.replace("tls://", "tcp://"), timeout="2s")
