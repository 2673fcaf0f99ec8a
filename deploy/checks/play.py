"""Runs rendered manifests without a cluster.

    python -m deploy.checks.play --image localhost/mlrf:dev

Of one overlay it plays, with podman: Redis, the migration, two servers on one read-only volume of
artifacts; with haproxy in the place of the Service and a PostgreSQL of its own. Then

1. both servers are ready and answer through the Service, as restricted as they were rendered;
2. a key has one limit over both;
3. each server is ended and replaced in turn, under load, and no request fails;
4. with --train-image, the retraining job runs under load and both servers follow it.

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

from deploy.checks.balancer import Balancer, balancer
from deploy.checks.kube import Cluster, PlayError, Running, answers, inspect, podman
from deploy.checks.load import expect, told, traffic
from deploy.checks.manifests import OVERLAYS, Manifests, read, render
from deploy.checks.stage import NAME, network, postgresql

SERVERS = ("server-1", "server-2")
PROPAGATION_SECONDS = 1.0
"""Time until a pod that ends is no endpoint any more; its preStop must be longer."""
TIER, BURST = "basic", 100
"""Of the key whose limit is tried: its quota gives back one unit in 3.6 s."""
RETRAINING_SECONDS = 1200


class Play:
    """One run over what stands in for a cluster."""

    def __init__(self, cluster: Cluster, folder: Path, rate: int) -> None:
        self.cluster = cluster
        self.folder = folder
        self.rate = rate
        self.server = cluster.pod("Deployment", "mlrf")
        self.running: dict[str, Running] = {}

    # --- what runs ---------------------------------------------------------------------------

    def start_redis(self) -> str:
        """Its address."""
        redis = self.cluster.play(self.cluster.pod("StatefulSet", "mlrf-redis"), "redis")
        deadline = time.monotonic() + 20
        while not redis.ask("readinessProbe"):
            if time.monotonic() > deadline:
                raise PlayError(f"Redis is not ready:\n{redis.logs()}")
            time.sleep(0.1)
        told("Redis is ready, by its own probe")
        return redis.address

    def migrate(self) -> None:
        job = self.cluster.play(self.cluster.pod("Job", "mlrf-migrate"), "migrate")
        told(f"the migration ended well in {job.finished(60):.1f} s")

    def fill_artifacts(self) -> None:
        """Copy the release of the image to the volume, as a first training would put one there."""
        mount = f"{self.cluster.volume('mlrf-artifacts')}:/to"
        code = "import shutil; shutil.copytree('models/artifacts', '/to', dirs_exist_ok=True)"
        podman(
            *("run", "--rm", "--entrypoint", "python", "--volume", mount),
            *(self.cluster.images["mlrf"], "-c", code),
        )

    def fill_tables(self) -> None:
        """Put the demo's tables where the retailer's would be."""
        mount = f"{self.cluster.volume('mlrf-tables')}:/to"
        podman(
            *("run", "--rm", "--volume", mount, self.cluster.images["mlrf-train"]),
            *("demo", "/to"),
        )

    def start(self, name: str, service: Balancer) -> None:
        running = self.cluster.play(self.server, name)
        self.running[name] = running
        took = running.started()
        port = self.server.ports()["http"]
        service.add(name, running.address, port)
        told(f"{name} is ready after {took:.1f} s")

    def replace(self, name: str, service: Balancer) -> None:
        """End a server as Kubernetes does, and start another in its place."""
        running = self.running[name]
        time.sleep(PROPAGATION_SECONDS)
        service.remove(name)
        time.sleep(running.before_stop - PROPAGATION_SECONDS)
        told(f"{name} ended {running.end():.1f} s after SIGTERM")
        self.start(name, service)

    # --- what is checked -----------------------------------------------------------------------

    def check_restrictions(self) -> None:
        """What runs is as restricted as what was rendered."""
        for name, running in self.running.items():
            found = inspect("container", running.container)
            host = found["HostConfig"]
            facts = {
                "user": found["Config"]["User"],
                "read-only": host["ReadonlyRootfs"],
                "capabilities": found["EffectiveCaps"] or [],
                "options": host["SecurityOpt"],
                "memory": host["Memory"] // 1024**2,
                "artifacts": [
                    mount["RW"] for mount in found["Mounts"] if "artifacts" in mount["Destination"]
                ],
            }
            limit = self.server.spec["containers"][0]["resources"]["limits"]["memory"]
            expect(facts["user"].startswith("10001"), f"{name} is user {facts['user']}")
            expect(facts["read-only"], f"{name} can write its root")
            expect(not facts["capabilities"], f"{name} has {facts['capabilities']}")
            expect("no-new-privileges" in facts["options"], f"{name} may gain privileges")
            expect(facts["memory"] == mebibytes(limit), f"{name} has {facts['memory']} MiB")
            expect(facts["artifacts"] == [False], f"{name} can write its artifacts")
            expect(answers(running.url("livenessProbe")), f"{name} is not alive")
        told(f"running as rendered: {facts}")

    def check_forecast(self, service: Balancer) -> None:
        seen: Counter[str] = Counter()
        for _ in range(4):
            answer = self.forecast(service, self.cluster.secrets["API_KEY"])
            expect(answer.status_code == 200, f"a forecast was answered {answer.text}")
            expect(len(answer.json()["forecast"]) == 15, "a forecast is not of 15 days")
            seen[answer.headers["x-pod"]] += 1
        expect(set(seen) == set(SERVERS), f"forecasts came from {dict(seen)}")
        health = self.call(service, "GET", "/health", self.cluster.secrets["API_KEY"]).json()
        away = [each["name"] for each in health["reasons"] if each["name"] != "data"]
        expect(not away, f"degraded: {away}")
        told(f"forecasts through the Service, from {dict(seen)}; Redis and database answer")

    def check_limit(self, service: Balancer) -> None:
        """A key spends its burst once, whichever server it comes to."""
        made = self.call(
            *(service, "POST", "/admin/keys", self.cluster.secrets["API_KEY"]),
            json={"client": "play", "scopes": ["forecast"], "tier": TIER},
        )
        expect(made.status_code == 201, f"no key was made: {made.text}")
        key = made.json()["key"]
        outcomes: Counter[tuple[str, int]] = Counter()
        begun = time.monotonic()
        for _ in range(BURST + 40):
            answer = self.forecast(service, key)
            outcomes[answer.headers["x-pod"], answer.status_code] += 1
        granted = sum(count for (_, status), count in outcomes.items() if status == 200)
        most = BURST + 1 + int((time.monotonic() - begun) / 3.6)
        expect({status for _, status in outcomes} == {200, 429}, f"answers: {dict(outcomes)}")
        expect(BURST <= granted <= most, f"{granted} were granted of a burst of {BURST}")
        expect({pod for pod, _ in outcomes} == set(SERVERS), f"answers: {dict(outcomes)}")
        told(f"one limit over both: {granted} of {BURST + 40} granted, {dict(outcomes)}")

    def check_replacement(self, service: Balancer) -> None:
        with self.traffic(service):
            time.sleep(2)
            for name in SERVERS:
                self.replace(name, service)
            time.sleep(2)
        told("each server was replaced under load, and no request failed")

    def check_retraining(self, service: Balancer) -> None:
        """Retraining on newer tables, as the CronJob does it; both servers follow by themselves."""
        before = self.served(service)
        with self.traffic(service):
            job = self.cluster.play(self.cluster.pod("CronJob", "mlrf-retrain"), "retrain")
            took = job.finished(RETRAINING_SECONDS)
            time.sleep(8)
            now = self.served(service)
        expect(len(now) == 1 and now != before, f"{before} -> {now}")
        told(f"retrained in {took:.0f} s under load, and both servers follow: {before} -> {now}")

    # --- how ---------------------------------------------------------------------------------

    def traffic(self, service: Balancer) -> AbstractContextManager[None]:
        return traffic(self.folder, service.url, self.cluster.secrets["API_KEY"], self.rate)

    def forecast(self, service: Balancer, key: str) -> httpx.Response:
        body = {"store_nbr": 1, "family": "DAIRY", "horizon": 15}
        return self.call(service, "POST", "/predict/simple", key, json=body)

    def call(
        self, service: Balancer, method: str, path: str, key: str, **how: Any
    ) -> httpx.Response:
        headers = {"X-API-Key": key}
        return httpx.request(
            method, service.url + path, headers=headers, timeout=30, trust_env=False, **how
        )

    def served(self, service: Balancer) -> set[str]:
        """Bundles that the servers answer from."""
        key = self.cluster.secrets["API_KEY"]
        answers = (self.forecast(service, key).json() for _ in range(6))
        return {answer["model_version"] for answer in answers}


def mebibytes(quantity: str) -> int:
    """Of a quantity as the manifests write them: `512Mi` or `1Gi`."""
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
    given = {name: each for name, each in images.items() if each}
    for each in given.values():
        if subprocess.run(["podman", "image", "exists", each]).returncode:
            sys.exit(f"there is no image {each}: make it first, or name another")
    try:
        play(read(render(OVERLAYS / overlay)), given, rate)
    except PlayError as error:
        sys.exit(f"FAILED: {error}")


def play(manifests: Manifests, images: Mapping[str, str], rate: int) -> None:
    """Everything, in order.

    Raises:
        PlayError: something did not do what it should.
    """
    password, api_key = token_urlsafe(24), token_urlsafe(24)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-play-")))
        folder.chmod(0o755)  # the database's user looks in here
        gateway = stack.enter_context(network())
        known = {"REDIS_PASSWORD": password, "API_KEY": api_key}
        cluster = Cluster(NAME, manifests, images, known)
        this = Play(cluster, folder, rate)
        redis = this.start_redis()
        known["REDIS_URL"] = f"redis://:{password}@{redis}:6379/0"
        known["DATABASE_URL"] = f"postgresql://postgres@{gateway}:5432/postgres"
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
        told("all of it held")


if __name__ == "__main__":
    typer.run(main)
