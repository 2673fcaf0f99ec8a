"""Debian's blackbox exporter with our modules, against right and wrong servers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from load.server import free_port
from storage.artifacts import Store
from tests.observability.processes import (
    EXPORTER,
    MODULES,
    Api,
    needs_exporter,
    running_exporter,
)
from tests.support.proxy import altering
from tests.support.servers import Server, running

pytestmark = [pytest.mark.e2e, needs_exporter]

KEY = "a-key-of-the-blackbox"
PATHS = {"mlrf_ready": "/readyz", "mlrf_forecast": "/forecast"}

Probe = Callable[[str, str], bool]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("blackbox")
    with running(folder, trained, AUTH_MODE="required", API_KEY=KEY) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key") / "key"


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> Iterator[Api]:
    with running_exporter(tmp_path_factory.mktemp("exporter"), key_file) as api:
        yield api


@pytest.fixture
def probe(exporter: Api, key_file: Path) -> Probe:
    """Probe a server with a module, with a valid key, and return whether it passes."""
    key_file.write_text(KEY)

    def probe(module: str, url: str) -> bool:
        query = {"module": module, "target": url + PATHS[module]}
        answer = httpx.get(f"{exporter.url}/probe", params=query, timeout=20, trust_env=False)
        families = text_string_to_metric_families(answer.text)
        return bool({f.name: f.samples[0].value for f in families if f.samples}["probe_success"])

    return probe


def test_the_configuration_is_valid() -> None:
    subprocess.run(
        [EXPORTER, "--config.check", f"--config.file={MODULES}"],
        check=True,
        capture_output=True,
    )


each_module = pytest.mark.parametrize("module", PATHS)


@each_module
def test_a_right_server_passes(probe: Probe, server: Server, module: str) -> None:
    assert probe(module, server.url)


@each_module
def test_a_server_without_a_model_fails(probe: Probe, tmp_path: Path, module: str) -> None:
    settings = {"AUTH_MODE": "required", "API_KEY": KEY}
    with running(tmp_path, Store(tmp_path / "none"), **settings) as empty:
        empty.wait_for("/livez")
        assert not probe(module, empty.url)


@each_module
def test_no_server_fails(probe: Probe, module: str) -> None:
    assert not probe(module, f"http://127.0.0.1:{free_port()}")


def test_a_wrong_key_fails(probe: Probe, server: Server, key_file: Path) -> None:
    key_file.write_text("a-key-that-is-not-valid")
    assert not probe("mlrf_forecast", server.url)


def test_a_slow_server_fails(probe: Probe, server: Server) -> None:
    with altering(server.url, delay=6) as url:
        assert not probe("mlrf_ready", url)


@pytest.mark.parametrize(
    ("name", "passes"), [(None, True), ("prediction", False), ("upper_95", False)]
)
def test_a_forecast_without_a_number_fails(
    probe: Probe, server: Server, name: str | None, passes: bool
) -> None:
    def alter(request: Request, document: Any) -> None:
        if name is not None:
            document["forecast"][0][name] = None

    with altering(server.url, alter) as url:
        assert probe("mlrf_forecast", url) is passes
