"""The images of `make image`: the recipe, and containers that run as they do in production.

Containers are started where podman or docker knows the image that MLRF_TEST_IMAGE names:

    make build && make image TAG=dev && MLRF_TEST_IMAGE=mlrf:dev .venv/bin/pytest tests/deploy
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.paths import ROOT
from config.reference import variables
from config.settings import Settings
from errors import Code
from load.server import free_port
from tests.support.waiting import wait_until
from tools import build_image, sbom

FOLDER = ROOT / "deploy" / "image"
RECIPES = [pytest.param(FOLDER / name, id=name) for name in ("Dockerfile", "train.Dockerfile")]
START_SECONDS = 90.0
REPLACED_SECONDS = 30.0  # 3 s where nothing else runs
MEMORY = "512m"
KEY = secrets.token_urlsafe(24)
SERIES = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER", "horizon": 15}


# --- the recipe -------------------------------------------------------------------------------


def instructions(recipe: Path) -> list[str]:
    """Return a recipe's instructions, each as one line."""
    lines = [line for line in recipe.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def test_bentoml_uses_our_recipe() -> None:
    assert "dockerfile_template: deploy/image/Dockerfile" in (ROOT / "bentofile.yaml").read_text()


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_base_image_is_an_argument_without_a_digest(recipe: Path) -> None:
    """CI resolves the digest at build time; a literal one would become outdated unnoticed."""
    text = recipe.read_text()
    assert "ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim\n" in text
    sources = [line.split()[1] for line in instructions(recipe) if line.startswith("FROM")]
    assert set(sources) <= {"${PYTHON_IMAGE}", "${MLRF_IMAGE}", "serving"}
    assert not re.search(r"sha256:[0-9a-f]", text)


@pytest.mark.parametrize("recipe", RECIPES)
def test_packages_are_wheels_from_the_lock(recipe: Path) -> None:
    installs = [line for line in instructions(recipe) if " pip " in line]
    assert installs
    for line in installs:
        assert "--require-hashes" in line
        assert "--only-binary :all:" in line, "nothing is compiled, so no compiler is needed"


def test_it_runs_as_a_user_by_number() -> None:
    """Kubernetes can verify `runAsNonRoot` only for a numeric user."""
    lines = instructions(FOLDER / "Dockerfile")
    assert "USER 10001:10001" in lines
    assert not any(line.startswith("USER") for line in instructions(FOLDER / "train.Dockerfile"))


def test_it_sets_no_secret_and_only_known_settings() -> None:
    """A secret has one source: a variable of the image would conflict with a mounted file."""
    (line,) = [
        line
        for line in instructions(FOLDER / "Dockerfile")
        if line.startswith("ENV") and "PORT" in line
    ]
    names = set(re.findall(r"([A-Z_]+)=", line))
    assert names & set(variables()) == {"HOST", "PORT"}
    assert names & set(Settings.secrets()) == set()
    assert "BENTOML_CONTAINERIZED" not in names, "or no worker that died is replaced"


def test_debian_packages_are_read_from_the_status_file() -> None:
    status = (
        "Package: libgomp1\nStatus: install ok installed\nArchitecture: amd64\n"
        "Version: 12.2.0-14+deb12u1\nDescription: GCC OpenMP\n more: of it\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    )
    (component,) = sbom.debian_packages(status)
    assert component["purl"] == "pkg:deb/debian/libgomp1@12.2.0-14%2Bdeb12u1?arch=amd64"
    assert (component["name"], component["version"]) == ("libgomp1", "12.2.0-14+deb12u1")


@pytest.mark.parametrize(
    ("installed", "daemon", "expected"),
    [
        pytest.param({"docker", "buildah"}, True, "docker", id="docker"),
        pytest.param({"docker", "buildah"}, False, "buildah", id="docker without its daemon"),
        pytest.param({"podman"}, False, "podman", id="podman"),
    ],
)
def test_the_builder_is_one_that_works(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], daemon: bool, expected: str
) -> None:
    monkeypatch.setattr(
        build_image.shutil, "which", lambda name: name if name in installed else None
    )
    monkeypatch.setattr(build_image, "_succeeds", lambda *command: daemon)
    assert build_image.find_builder() == expected


def test_a_missing_builder_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_image.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="neither a docker daemon, nor buildah, nor podman"):
        build_image.find_builder()


# --- containers -------------------------------------------------------------------------------

IMAGE = os.environ.get("MLRF_TEST_IMAGE", "")
TOOL = next((tool for tool in ("podman", "docker") if shutil.which(tool)), None)
HARDENED = (
    *("--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"),
    *("--security-opt", "no-new-privileges", "--memory", MEMORY, "--pids-limit", "256"),
)
needs_image = pytest.mark.skipif(
    not (IMAGE and TOOL),
    reason="MLRF_TEST_IMAGE names no image, or there is neither podman nor docker",
)
container_marks = [needs_image, pytest.mark.e2e]


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    assert TOOL
    return subprocess.run(
        [TOOL, *arguments], check=check, capture_output=True, text=True, timeout=120
    )


class Container:
    """The image's server, hardened as in the manifests."""

    def __init__(self, *options: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = (
            "-e",
            "HOST=127.0.0.1",
            "-e",
            f"PORT={port}",
            "-e",
            f"API_KEY={KEY}",
            *options,
        )
        self.id = run("run", "--detach", *HARDENED, *environment, IMAGE).stdout.split()[-1]

    def until_ready(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.state()["Running"], run("logs", self.id).stdout
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        pytest.fail(f"not ready within {seconds} s:\n{run('logs', self.id).stdout}")

    def state(self) -> Any:
        return json.loads(run("inspect", self.id).stdout)[0]["State"]

    def forecast(self) -> httpx.Response:
        headers = {"X-API-Key": KEY}
        url = f"{self.url}/predict/simple"
        return httpx.post(url, json=SERIES, headers=headers, timeout=30, trust_env=False)

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        return run("exec", self.id, *command, check=False)

    def python(self, script: str) -> str:
        done = self.execute("python", "-c", script)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def workers(self) -> list[str]:
        """Return the workers' process ids inside the container, which has no ps."""
        script = (
            "import pathlib\n"
            "for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
            "    if b'-m\\0_bentoml_impl.worker' in path.read_bytes(): print(path.parent.name)"
        )
        return self.python(script).split()


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    started = Container()
    try:
        started.until_ready()
        yield started
    finally:
        run("rm", "--force", started.id, check=False)


class TestContainer:
    pytestmark = container_marks

    def test_it_answers_a_forecast(self, container: Container) -> None:
        answer = container.forecast()
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["forecast"]) == SERIES["horizon"]

    def test_it_has_no_privileges(self, container: Container) -> None:
        assert container.python("import os; print(os.getuid(), os.getgid())") == "10001 10001"
        status = container.python("print(open('/proc/1/status').read())")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd"):
            assert re.search(rf"{name}:\s+0{{16}}$", status, flags=re.MULTILINE)
        assert re.search(r"NoNewPrivs:\s+1", status)

    def test_nothing_but_tmp_can_be_written(self, container: Container) -> None:
        for folder in ("/", "/opt/mlrf/src", "/etc", "/var/lib"):
            assert container.execute("python", "-c", f"open('{folder}/x', 'w')").returncode != 0

    def test_it_holds_no_tools(self, container: Container) -> None:
        tools = ["gcc", "cc", "make", "git", "curl", "wget", "pip", "pip3", "uv"]
        script = f"import shutil; print([t for t in {tools} if shutil.which(t)])"
        assert container.python(script) == "[]"

    def test_nothing_of_training_is_in_it(self, container: Container) -> None:
        script = (
            "from importlib.util import find_spec\n"
            "print([n for n in ('training', 'tests', 'onnx', 'pytest', 'pip') if find_spec(n)])"
        )
        assert container.python(script) == "[]"
        refused = container.execute("mlrf", "train")
        assert refused.returncode == 1
        assert "mlrf-train" in refused.stderr
        assert "Traceback" not in refused.stderr

    def test_its_command_creates_keys(self, container: Container) -> None:
        assert container.execute("mlrf", "migrate").returncode == 0
        made = container.execute("mlrf", "keys", "create", "someone")
        assert made.stdout.startswith("mlrf_")

    def test_it_sends_no_telemetry(self, container: Container) -> None:
        """onnxruntime would write its telemetry below HOME."""
        files = container.python(
            "import pathlib; print([str(p) for p in pathlib.Path('/tmp').rglob('*')])"
        )
        assert "Microsoft" not in files

    def test_its_health_check_follows_readiness(self, container: Container) -> None:
        image = json.loads(run("image", "inspect", IMAGE).stdout)[0]
        command = (image.get("Healthcheck") or image["Config"]["Healthcheck"])["Test"]
        assert command[0] == "CMD"
        assert container.execute(*command[1:]).returncode == 0
        failed = run("exec", "-e", "PORT=1", container.id, *command[1:], check=False)
        assert failed.returncode == 1

    def test_it_has_the_standard_labels(self) -> None:
        labels = json.loads(run("image", "inspect", IMAGE).stdout)[0]["Config"]["Labels"]
        prefix = "org.opencontainers.image."
        for name in ("title", "version", "revision", "created", "source", "licenses", "base.name"):
            assert labels[prefix + name]

    def test_a_worker_that_dies_is_replaced(self, container: Container) -> None:
        (before,) = container.workers()
        container.python(f"import os; os.kill({before}, 9)")
        wait_until(lambda: container.workers() not in ([], [before]), REPLACED_SECONDS)
        container.until_ready()
        assert container.forecast().status_code == 200

    def test_sigterm_ends_it_in_seconds(self, container: Container) -> None:
        """Run last: the server has ended afterwards."""
        start = time.monotonic()
        run("stop", "--time", "30", container.id)
        assert time.monotonic() - start < 25
        assert container.state()["ExitCode"] == 0


@needs_image
@pytest.mark.e2e
def test_without_a_model_it_waits_for_one() -> None:
    """A volume that is empty at first: the pod stays, is not ready, and says why."""
    empty = Container("-e", "ARTIFACTS_DIR=/tmp/artifacts")
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{empty.url}/readyz", trust_env=False)
                break
            except httpx.TransportError:
                assert empty.state()["Running"]
                time.sleep(0.05)
        assert (answer.status_code, answer.json()["code"]) == (503, Code.MODEL_UNAVAILABLE.name)
        assert httpx.get(f"{empty.url}/livez", trust_env=False).status_code == 200
    finally:
        run("rm", "--force", empty.id, check=False)
