"""Run rendered manifests without a cluster.

    python -m tools.checks.play --image localhost/mlrf:dev

It runs the pods of one overlay with podman (Redis, the migration, two servers on one read-only
volume of artifacts), with haproxy in place of the Service and a PostgreSQL of its own. It checks

1. that both servers become ready and answer through the Service, with the rendered restrictions;
2. that an API key has one rate limit over both servers;
3. that no request fails while each server in turn is stopped and replaced under load;
4. with --train-image, that both servers load the release that a retraining job under load makes.

Needs root, podman, haproxy, kubectl or kustomize, and the packages of requirements/dev.txt.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any

import httpx
import typer

from tools.checks.balancer import Balancer, balancer
from tools.checks.kube import Cluster, PlayError, RunningPod, answers, inspect, podman
from tools.checks.load import expect, print_line, traffic
from tools.checks.manifests import OVERLAYS, Manifests, read, render
from tools.checks.stage import NAME, network, postgresql

SERVERS = ("server-1", "server-2")
PROPAGATION_SECONDS = 1.0
"""Time until a terminating pod is removed from the endpoints; its preStop must be longer."""
TIER, BURST = "basic", 100
"""Tier and burst of the key whose limit is checked; its quota restores one unit in 3.6 s."""
RETRAINING_SECONDS = 1200


class Play:
    """One run of the checks on a substitute for a cluster."""

    def __init__(self, cluster: Cluster, folder: Path, rate: int) -> None:
        self.cluster = cluster
        self.folder = folder
        self.rate = rate
        self.server = cluster.pod("Deployment", "mlrf")
        self.running: dict[str, RunningPod] = {}

    # --- pods --------------------------------------------------------------------------------

    def start_redis(self) -> str:
        """Start Redis, wait until it is ready, and return its address."""
        redis = self.cluster.play(self.cluster.pod("StatefulSet", "mlrf-redis"), "redis")
        deadline = time.monotonic() + 20
        while not redis.run_probe("readinessProbe"):
            if time.monotonic() > deadline:
                raise PlayError(f"Redis is not ready:\n{redis.logs()}")
            time.sleep(0.1)
        print_line("Redis is ready, by its own probe")
        return redis.address

    def migrate(self) -> None:
        job = self.cluster.play(self.cluster.pod("Job", "mlrf-migrate"), "migrate")
        print_line(f"the migration ended well in {job.wait_until_finished(60):.1f} s")

    def fill_artifacts(self) -> None:
        """Copy the release in the image to the volume, where a first training would write one."""
        mount = f"{self.cluster.volume('mlrf-artifacts')}:/to"
        code = "import shutil; shutil.copytree('models/artifacts', '/to', dirs_exist_ok=True)"
        podman(
            *("run", "--rm", "--entrypoint", "python", "--volume", mount),
            *(self.cluster.images["mlrf"], "-c", code),
        )

    def fill_tables(self) -> None:
        """Write the demo's tables to the volume of the retailer's tables."""
        mount = f"{self.cluster.volume('mlrf-tables')}:/to"
        podman(
            *("run", "--rm", "--volume", mount, self.cluster.images["mlrf-train"]),
            *("demo", "/to"),
        )

    def start(self, name: str, service: Balancer) -> None:
        running = self.cluster.play(self.server, name)
        self.running[name] = running
        took = running.wait_until_started()
        port = self.server.ports()["http"]
        service.add(name, running.address, port)
        print_line(f"{name} is ready after {took:.1f} s")

    def replace(self, name: str, service: Balancer) -> None:
        """Stop a server as Kubernetes does, and start another in its place."""
        # Kubernetes removes a terminating pod from the endpoints and runs its preStop hook at the
        # same time. preStop only sleeps, so that new requests, which still arrive until the removal
        # has propagated, are answered before SIGTERM. The order here: propagation, the rest of
        # preStop, SIGTERM.
        running = self.running[name]
        time.sleep(PROPAGATION_SECONDS)
        service.remove(name)
        time.sleep(running.before_stop - PROPAGATION_SECONDS)
        print_line(f"{name} ended {running.stop():.1f} s after SIGTERM")
        self.start(name, service)

    # --- checks --------------------------------------------------------------------------------

    def check_restrictions(self) -> None:
        """Check that containers run with the rendered security context and limits."""
        for name, running in self.running.items():
            description = inspect("container", running.container)
            host = description["HostConfig"]
            facts = {
                "user": description["Config"]["User"],
                "read-only": host["ReadonlyRootfs"],
                "capabilities": description["EffectiveCaps"] or [],
                "options": host["SecurityOpt"],
                "memory": host["Memory"] // 1024**2,
                "artifacts": [
                    mount["RW"]
                    for mount in description["Mounts"]
                    if "artifacts" in mount["Destination"]
                ],
            }
            limit = self.server.spec["containers"][0]["resources"]["limits"]["memory"]
            expect(facts["user"].startswith("10001"), f"{name} is user {facts['user']}")
            expect(facts["read-only"], f"{name} can write its root")
            expect(not facts["capabilities"], f"{name} has {facts['capabilities']}")
            expect("no-new-privileges" in facts["options"], f"{name} may gain privileges")
            expect(facts["memory"] == mebibytes(limit), f"{name} has {facts['memory']} MiB")
            expect(facts["artifacts"] == [False], f"{name} can write its artifacts")
            expect(answers(running.probe_url("livenessProbe")), f"{name} is not alive")
        print_line(f"running as rendered: {facts}")

    def check_forecast(self, service: Balancer) -> None:
        seen: Counter[str] = Counter()
        for _ in range(4):
            answer = self.forecast(service, self.cluster.secrets["API_KEY"])
            expect(answer.status_code == 200, f"a forecast was answered {answer.text}")
            expect(len(answer.json()["forecast"]) == 15, "a forecast is not of 15 days")
            seen[answer.headers["x-pod"]] += 1
        expect(set(seen) == set(SERVERS), f"forecasts came from {dict(seen)}")
        health = self.call(service, "GET", "/health", self.cluster.secrets["API_KEY"]).json()
        unavailable = [each["name"] for each in health["reasons"] if each["name"] != "data"]
        expect(not unavailable, f"degraded: {unavailable}")
        print_line(f"forecasts through the Service, from {dict(seen)}; Redis and database answer")

    def check_limit(self, service: Balancer) -> None:
        """Check that the servers share one limit: together they grant a key its burst once."""
        created = self.call(
            *(service, "POST", "/admin/keys", self.cluster.secrets["API_KEY"]),
            json={"client": "play", "scopes": ["forecast"], "tier": TIER},
        )
        expect(created.status_code == 201, f"no key was made: {created.text}")
        key = created.json()["key"]
        outcomes: Counter[tuple[str, int]] = Counter()
        start = time.monotonic()
        for _ in range(BURST + 40):
            answer = self.forecast(service, key)
            outcomes[answer.headers["x-pod"], answer.status_code] += 1
        # The quota restores units while the requests are sent, one in 3.6 s: allow for those.
        granted = sum(count for (_, status), count in outcomes.items() if status == 200)
        most = BURST + 1 + int((time.monotonic() - start) / 3.6)
        expect({status for _, status in outcomes} == {200, 429}, f"answers: {dict(outcomes)}")
        expect(BURST <= granted <= most, f"{granted} were granted of a burst of {BURST}")
        expect({pod for pod, _ in outcomes} == set(SERVERS), f"answers: {dict(outcomes)}")
        print_line(f"one limit over both: {granted} of {BURST + 40} granted, {dict(outcomes)}")

    def check_replacement(self, service: Balancer) -> None:
        with self.traffic(service):
            time.sleep(2)
            for name in SERVERS:
                self.replace(name, service)
            time.sleep(2)
        print_line("each server was replaced under load, and no request failed")

    def check_retraining(self, service: Balancer) -> None:
        """Check that both servers load the release of a retraining job, without a restart."""
        before = self.serving_bundles(service)
        with self.traffic(service):
            pod = self.cluster.pod("CronJob", "mlrf-retrain")
            pod.containers[0]["command"] += ["--promote", "always"]  # it is of the same days
            job = self.cluster.play(pod, "retrain")
            took = job.wait_until_finished(RETRAINING_SECONDS)
            time.sleep(8)
            now = self.serving_bundles(service)
        expect(len(now) == 1 and now != before, f"{before} -> {now}")
        print_line(
            f"retrained in {took:.0f} s under load, and both servers follow: {before} -> {now}"
        )

    # --- requests ----------------------------------------------------------------------------

    def traffic(self, service: Balancer) -> AbstractContextManager[None]:
        return traffic(self.folder, service.url, self.cluster.secrets["API_KEY"], self.rate)

    def forecast(self, service: Balancer, key: str) -> httpx.Response:
        body = {"store_nbr": 1, "family": "DAIRY", "horizon": 15}
        return self.call(service, "POST", "/predict/simple", key, json=body)

    def call(
        self, service: Balancer, method: str, path: str, key: str, **options: Any
    ) -> httpx.Response:
        headers = {"X-API-Key": key}
        return httpx.request(
            method, service.url + path, headers=headers, timeout=30, trust_env=False, **options
        )

    def serving_bundles(self, service: Balancer) -> set[str]:
        """Return the bundles that the servers answer from, over several requests."""
        key = self.cluster.secrets["API_KEY"]
        answers = (self.forecast(service, key).json() for _ in range(6))
        return {answer["model_version"] for answer in answers}


def mebibytes(quantity: str) -> int:
    """Return the MiB of a Kubernetes quantity: `512Mi` or `1Gi`."""
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def main(
    image: Annotated[str, typer.Option(help="What to play as `mlrf`.")],
    overlay: Annotated[str, typer.Option(help="Whose manifests.")] = "production",
    redis_image: Annotated[
        str | None, typer.Option(help="In the place of Valkey's, where it cannot be pulled.")
    ] = None,
    train_image: Annotated[
        str | None, typer.Option(help="What to play as `mlrf-train`; nothing if left out.")
    ] = None,
    rate: Annotated[int, typer.Option(help="Requests a second, under load.")] = 100,
) -> None:
    """Play the manifests of an overlay, and check what they promise."""
    images = {"mlrf": image, "mlrf-train": train_image, "valkey": redis_image}
    replacements = {name: each for name, each in images.items() if each}
    for each in replacements.values():
        if subprocess.run(["podman", "image", "exists", each]).returncode:
            sys.exit(f"there is no image {each}: make it first, or name another")
    try:
        play(read(render(OVERLAYS / overlay)), replacements, rate)
    except PlayError as error:
        sys.exit(f"FAILED: {error}")


def play(manifests: Manifests, images: Mapping[str, str], rate: int) -> None:
    """Run all pods and all checks, in order.

    Raises:
        PlayError: a check failed.
    """
    password, api_key = token_urlsafe(24), token_urlsafe(24)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-play-")))
        folder.chmod(0o755)  # the database runs as another user and needs access
        gateway = stack.enter_context(network())
        secrets = {"REDIS_PASSWORD": password, "API_KEY": api_key}
        cluster = Cluster(NAME, manifests, images, secrets)
        this = Play(cluster, folder, rate)
        redis = this.start_redis()
        secrets["REDIS_URL"] = f"redis://:{password}@{redis}:6379/0"
        secrets["DATABASE_URL"] = f"postgresql://postgres@{gateway}:5432/postgres"
        service = stack.enter_context(
            balancer(folder, this.server, SERVERS, gateway, stack.enter_context(postgresql(folder)))
        )
        this.migrate()
        this.fill_artifacts()
        for name in SERVERS:
            this.start(name, service)
        this.check_restrictions()
        this.check_forecast(service)
        this.check_limit(service)
        this.check_replacement(service)
        if "mlrf-train" in images:
            this.fill_tables()
            this.check_retraining(service)
        print_line("all checks passed")


if __name__ == "__main__":
    typer.run(main)
