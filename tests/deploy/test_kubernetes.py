"""The manifests: valid, within our policy, and with every setting."""

from __future__ import annotations

import shutil

import pytest
import yaml

from config.paths import ROOT
from config.reference import variables
from config.secrets import FILE_SUFFIX
from config.settings import SecretManager, Settings
from config.version import __version__
from tests.deploy.served import container, find_pod, mounted_claims, server
from tools.checks.manifests import Manifests, overlays, read, selects
from tools.checks.policy import findings, renderings
from tools.prometheus_rule import TARGET, rendered

if not (shutil.which("kubectl") or shutil.which("kustomize")):
    pytest.skip("needs kubectl or kustomize", allow_module_level=True)

RENDERED = dict(renderings())
CUSTOM = {"ExternalSecret", "PrometheusRule", "ServiceMonitor"}
"""Kinds of custom resources."""


@pytest.fixture(scope="module")
def production() -> Manifests:
    return read(RENDERED["production"])


@pytest.mark.parametrize("name", RENDERED)
@pytest.mark.parametrize("release", ["1.30.0", "newest"])
def test_every_object_is_valid_for_kubernetes(name: str, release: str) -> None:
    """From the oldest release that has all used features enabled by default."""
    validate = pytest.importorskip("kubernetes_validate")
    version = validate.latest_version() if release == "newest" else release
    for each in read(RENDERED[name]).objects:
        if each["kind"] not in CUSTOM:
            validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", RENDERED)
def test_no_rule_is_broken(name: str) -> None:
    assert findings(read(RENDERED[name])) == []


def test_there_is_an_overlay_for_each_environment() -> None:
    assert overlays() == ["local", "production", "staging"]
    places = [read(RENDERED[name]).of("Namespace")[0]["metadata"]["name"] for name in overlays()]
    assert places == ["mlrf-local", "mlrf", "mlrf-staging"]


@pytest.mark.parametrize("name", overlays())
def test_every_setting_is_in_the_configmap_or_from_the_secret(name: str) -> None:
    """Except those of a secret manager, which a cluster replaces, and secrets as files."""
    manifests = read(RENDERED[name])
    manager = {field.upper() for field in SecretManager.model_fields}
    files = {name + FILE_SUFFIX for name in (*Settings.secrets(), *manager)}
    secrets = {each["name"] for each in container(manifests)["env"]}
    assert secrets == set(Settings.secrets())
    assert set(manifests.settings()) == {*variables()} - secrets - manager - files


@pytest.mark.parametrize("name", ["staging", "production"])
def test_images_have_the_tag_of_this_version(name: str) -> None:
    images = {
        each["image"]
        for workload in read(RENDERED[name]).pods
        for each in workload.containers
        if "mlrf" in each["image"]
    }
    assert {image.rpartition(":")[2] for image in images} == {__version__}


JOBS = ["mlrf-refresh", "mlrf-retrain"]
each_job = pytest.mark.parametrize("name", JOBS)


@each_job
def test_jobs_write_what_servers_only_read(production: Manifests, name: str) -> None:
    path = production.settings()["ARTIFACTS_DIR"]
    job = find_pod(production, "CronJob", name).spec
    assert mounted_claims(job)["mlrf-artifacts"] == (path, True)
    assert mounted_claims(server(production)) == {"mlrf-artifacts": (path, False)}
    claim = production.one("PersistentVolumeClaim", "mlrf-artifacts")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_data_are_refreshed_every_night_and_models_trained_every_month(
    production: Manifests,
) -> None:
    """Nightly trainings would leave no week that the model that serves has not seen."""
    specs = {name: production.one("CronJob", name)["spec"] for name in JOBS}
    assert {name: (spec["schedule"], spec["timeZone"]) for name, spec in specs.items()} == {
        "mlrf-refresh": ("0 3 * * *", "Etc/UTC"),
        "mlrf-retrain": ("0 5 1 * *", "Etc/UTC"),
    }
    refresh, retrain = (find_pod(production, "CronJob", name).containers[0] for name in JOBS)
    assert refresh["command"] == ["mlrf", "refresh", "/data"]
    assert retrain["command"] == ["mlrf", "train", "/data"]


@each_job
def test_jobs_have_neither_secret_nor_network(production: Manifests, name: str) -> None:
    job = find_pod(production, "CronJob", name)
    assert not any("secretKeyRef" in entry["valueFrom"] for entry in job.environment())
    policies = [
        policy
        for policy in production.of("NetworkPolicy")
        if selects(policy["spec"]["podSelector"], job.labels)
    ]
    assert "retrain" in {policy["metadata"]["name"] for policy in policies}
    for policy in policies:
        assert not policy["spec"].get("ingress")
        assert not policy["spec"].get("egress")


def test_the_rules_are_those_of_prometheus() -> None:
    assert TARGET.read_text(encoding="utf-8") == rendered(), "python -m tools.prometheus_rule"


def test_the_scrape_finds_the_pods_behind_the_service() -> None:
    manifests = read(RENDERED["production with every component"])
    monitor = manifests.one("ServiceMonitor", "mlrf")["spec"]
    service = manifests.one("Service", "mlrf")
    assert selects(monitor["selector"], service["metadata"]["labels"])
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    configuration = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    job = next(each for each in configuration["scrape_configs"] if each["job_name"] == "mlrf")
    assert endpoint["path"] == job["metrics_path"]
    assert service["metadata"]["name"] == job["job_name"], "the operator's label `job`"
