"""``python -m load.lighthouse``: start a server, and hold its pages to their limits.

Exit code 0: within every limit; 1: beyond one, or the pages could not be measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as PlaywrightError

from api.dashboard.build import FOLDER, is_built
from config.paths import ROOT
from load.lighthouse.visit import measure_interactions
from load.server import NotReadyError, start_server
from tools.node import NodeError, node_environment

HERE = Path(__file__).parent
PATHS = ("/", "/forecasts")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

LOWEST_SCORE = 95
HIGHEST = {
    "largest-contentful-paint": 2500.0,
    "cumulative-layout-shift": 0.1,
    "interaction-to-next-paint": 200.0,
}
"""Limits of the Core Web Vitals, in milliseconds; the shift has no unit."""

TIMINGS = ("largest-contentful-paint", "cumulative-layout-shift", "total-blocking-time")


class MeasureError(Exception):
    """Pages that could not be measured; the message is one line."""


@dataclass(frozen=True)
class Figures:
    """Measurements of one page.

    Attributes:
        scores: from 0 to 100, by category.
        timings: by the name of Lighthouse's audit.
    """

    path: str
    scores: dict[str, int]
    timings: dict[str, float]

    def faults(self) -> Iterator[str]:
        """Yield a sentence for each limit that does not hold."""
        for name, score in self.scores.items():
            if score < LOWEST_SCORE:
                yield f"{self.path}: {name} is {score}; at least {LOWEST_SCORE} is expected"
        for name, limit in HIGHEST.items():
            if (value := self.timings.get(name, 0.0)) > limit:
                yield f"{self.path}: {name} is {value:g}; at most {limit:g} is expected"


def main() -> int:
    try:
        figures = measure()
    except (MeasureError, NodeError, NotReadyError) as error:
        print(f"lighthouse: {error}", file=sys.stderr)
        return 1
    faults = [fault for each in figures for fault in each.faults()]
    for each in figures:
        print(f"{each.path}  {describe(each.scores)}  {describe(each.timings)}")
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


def describe(values: dict[str, int] | dict[str, float]) -> str:
    """Return names with their values, in one line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def measure() -> list[Figures]:
    """Return the figures of each page, and of a visit.

    Raises:
        MeasureError: the dashboard, a browser or a model is missing, or Lighthouse failed.
    """
    artifacts = ROOT / "models" / "artifacts"
    if not is_built(FOLDER):
        raise MeasureError("the dashboard was not built; run `make dashboard`")
    if not (artifacts / "CURRENT").is_file():
        raise MeasureError("there is no model; run `make train`")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise MeasureError(f"there is no browser on the path: {', '.join(BROWSERS)}")
    environment = {**node_environment(), "CHROME_PATH": browser}
    run(("npm", "ci", "--ignore-scripts", "--prefer-offline"), environment)
    with (
        tempfile.TemporaryDirectory(prefix="mlrf-lighthouse-") as folder,
        start_server(Path(folder), artifacts, AUTH_MODE="disabled") as server,
    ):
        server.wait_for("/readyz")
        figures = [audit(server.url, path, environment) for path in PATHS]
        try:
            interaction = measure_interactions(server.url, browser)
        except (AssertionError, PlaywrightError) as error:  # the former from `expect`
            reason = str(error).partition("\n")[0]
            raise MeasureError(f"the visit could not be made: {reason}") from None
    return [*figures, Figures("a visit", {}, {"interaction-to-next-paint": interaction})]


def audit(url: str, path: str, environment: dict[str, str]) -> Figures:
    """Return what Lighthouse says about a page on a phone, with a simulated slow network."""
    flags = ["--headless=new", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    output = run(
        (
            *("npx", "lighthouse", url + path, "--quiet", "--output=json"),
            *("--form-factor=mobile", "--throttling-method=simulate"),
            f"--chrome-flags={' '.join(flags)}",
        ),
        environment,
    )
    return read_report(path, json.loads(output))


def read_report(path: str, report: dict[str, Any]) -> Figures:
    """Return the figures of a report.

    Raises:
        MeasureError: the page could not be loaded, or a category has no score.
    """
    if fault := report.get("runtimeError"):
        raise MeasureError(f"{path}: {fault['message']}")
    scores = {each["id"]: each["score"] for each in report["categories"].values()}
    if missing := [name for name, score in scores.items() if score is None]:
        raise MeasureError(f"{path}: Lighthouse gave no score for {', '.join(missing)}")
    return Figures(
        path,
        {name: round(100 * score) for name, score in scores.items()},
        {name: report["audits"][name]["numericValue"] for name in TIMINGS},
    )


def run(command: tuple[str, ...], environment: dict[str, str]) -> str:
    """Run a command of Node beside its lock, and return its output.

    Raises:
        MeasureError: it failed.
    """
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = [*done.stderr.strip().splitlines(), "no output"][0]
        raise MeasureError(f"`{' '.join(command[:2])}` failed: {reason}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
