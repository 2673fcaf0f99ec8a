"""Certificates and warnings of the commands that work on a Dask cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from cli.cluster import read_certificates, warn_if_exposed
from config.settings import describe_faults
from config.topics import ClusterSettings
from errors import InputError
from lifecycle.parts.dask_security import Certificates
from tests.support.command import set_environment

FILES = ("CLUSTER_TLS_CA_FILE", "CLUSTER_TLS_CERT_FILE", "CLUSTER_TLS_KEY_FILE")


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ClusterSettings:
    set_environment(monkeypatch, **variables)
    return ClusterSettings()


def test_without_files_there_are_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_certificates(settings(monkeypatch)) is None


def test_all_three_files_are_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch, **{name: f"/tls/{name}" for name in FILES})
    assert read_certificates(read) == Certificates(*(Path("/tls", name) for name in FILES))


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    read = settings(monkeypatch, **{name: "/tls/x" for name in FILES if name != missing})
    with pytest.raises(InputError, match=f"^{missing}: "):
        read_certificates(read)


def test_ports_are_a_range_with_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, CLUSTER_FIT_PORTS="13000-13003").fit_ports == range(13000, 13004)
    assert settings(monkeypatch).fit_ports is None


@pytest.mark.parametrize("text", ["13000", "13003-13000", "80-90", "13000-70000", "a-b", "1-2-3"])
def test_other_ports_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(monkeypatch, CLUSTER_FIT_PORTS=text)
    assert describe_faults(refusal.value).startswith("CLUSTER_FIT_PORTS: two ports")


def test_a_connection_that_leaves_the_machine_unencrypted_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_if_exposed("tls://scheduler:8786")
    warn_if_exposed("tcp://127.0.0.1:8786")
    warn_if_exposed(None)
    assert capsys.readouterr().err == ""
    warn_if_exposed("tcp://scheduler:8786")
    assert "tcp://scheduler:8786 are neither encrypted nor authenticated" in capsys.readouterr().err
