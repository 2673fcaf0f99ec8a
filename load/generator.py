"""k6, the generator of load: what a scenario is, and a run of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent / "k6"
SCENARIOS = tuple(sorted(path.stem for path in SCRIPTS.glob("*.js")))
SUMMARY = "k6.json"
POINTS = "points.json"
LOG = "k6.log"
CROSSED = 99
"""k6's exit code where a threshold did not hold."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class GeneratorError(RuntimeError):
    """k6 could not do what it was asked for."""


@dataclass(frozen=True)
class Step:
    """A time of a scenario with as many users.

    Attributes:
        name: k6's tag `scenario` of its requests.
        users: or connections, where requests come at a constant rate.
        start: seconds after the start of the run.
        seconds: that it lasts.
        rate: requests a second; None where users wait for their answers.
    """

    name: str
    users: int
    start: float
    seconds: float
    rate: int | None


@dataclass(frozen=True)
class Plan:
    """A scenario as it will run.

    Attributes:
        warm_up: seconds that are not counted.
    """

    scenario: str
    warm_up: float
    steps: tuple[Step, ...]

    @property
    def measured(self) -> float:
        """Seconds that are counted."""
        return sum(step.seconds for step in self.steps)


def plan_of(scenario: str, environment: Mapping[str, str]) -> Plan:
    """What k6 makes of a scenario.

    Args:
        environment: what the script is told, such as SECONDS.

    Raises:
        GeneratorError: k6 refuses the script.
    """
    done = subprocess.run(
        [*_command(environment), "inspect", "--include-system-env-vars", _script(scenario)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise GeneratorError(f"k6 refuses {scenario}:\n{done.stderr}")
    named: dict[str, dict[str, Any]] = json.loads(done.stdout)["scenarios"]
    steps = [_step(name, given) for name, given in named.items() if name != "warm_up"]
    return Plan(
        scenario=scenario,
        warm_up=seconds_of(named["warm_up"]["duration"]),
        steps=tuple(sorted(steps, key=lambda step: step.start)),
    )


def begin(
    plan: Plan, environment: Mapping[str, str], folder: Path, *, points: bool
) -> subprocess.Popen[bytes]:
    """Start a run, which writes its summary and what went wrong into a folder.

    Args:
        environment: what the script is told: URL, KEY, OUT, and what was given to `plan_of`.
        points: whether to write every measurement with its time, too.
    """
    command = [
        *(*_command(environment), "run", "--quiet", "--address", ""),
        *("--log-output", f"file={folder / LOG}", "--log-format", "raw"),
        *(("--out", f"json={folder / POINTS}") if points else ()),
        _script(plan.scenario),
    ]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def seconds_of(duration: str) -> float:
    """Seconds of a duration as Go writes it: `1m30s`, `500ms`."""
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))


def _step(name: str, given: Mapping[str, Any]) -> Step:
    stages: Sequence[Mapping[str, Any]] = given.get("stages") or [given]
    return Step(
        name=name,
        users=int(given["tags"]["users"]),
        start=seconds_of(given["startTime"]),
        seconds=sum(seconds_of(stage["duration"]) for stage in stages),
        rate=given.get("rate"),
    )


def _command(environment: Mapping[str, str]) -> list[str]:
    """k6, from beside this Python, with no more of an environment than what it is told: a person's
    own settings of k6 would change a scenario.

    env(1) replaces itself by it, so that no key stays in a list of processes.
    """
    told = {"HOME": str(SCRIPTS), "K6_NO_USAGE_REPORT": "true", **environment}
    binary = Path(sys.executable).with_name("k6")
    return ["env", "-i", *(f"{name}={value}" for name, value in told.items()), str(binary)]


def _script(scenario: str) -> str:
    return str(SCRIPTS / f"{scenario}.js")
