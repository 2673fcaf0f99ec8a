"""The load generator k6: reading the plan of a scenario and starting a run of it."""

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
"""Exit code of k6 when a threshold was crossed."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class GeneratorError(RuntimeError):
    """A failure of k6: it refused a script or ended with an error."""


@dataclass(frozen=True)
class Step:
    """A part of a scenario with a constant number of users.

    Attributes:
        name: k6's tag `scenario` of its requests.
        users: number of users, or of connections where requests come at a constant rate.
        start: seconds after the start of the run.
        seconds: duration.
        rate: requests a second (open model); None where users wait for answers (closed model).
    """

    name: str
    users: int
    start: float
    seconds: float
    rate: int | None


@dataclass(frozen=True)
class Plan:
    """The timetable of a scenario.

    Attributes:
        warm_up: seconds at the beginning that are not counted.
    """

    scenario: str
    warm_up: float
    steps: tuple[Step, ...]

    @property
    def measured(self) -> float:
        """Seconds that are counted."""
        return sum(step.seconds for step in self.steps)


def load_plan(scenario: str, environment: Mapping[str, str]) -> Plan:
    """Return the plan that k6 derives from a scenario's script.

    Args:
        environment: variables of the script, such as SECONDS.

    Raises:
        GeneratorError: k6 refuses the script.
    """
    done = subprocess.run(
        [*_command(environment), "inspect", "--include-system-env-vars", _script_path(scenario)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise GeneratorError(f"k6 refuses {scenario}:\n{done.stderr}")
    scenarios: dict[str, dict[str, Any]] = json.loads(done.stdout)["scenarios"]
    steps = [_parse_step(name, options) for name, options in scenarios.items() if name != "warm_up"]
    return Plan(
        scenario=scenario,
        warm_up=seconds_of(scenarios["warm_up"]["duration"]),
        steps=tuple(sorted(steps, key=lambda step: step.start)),
    )


def start_run(
    plan: Plan, environment: Mapping[str, str], folder: Path, *, points: bool
) -> subprocess.Popen[bytes]:
    """Start a run, which writes its summary and its error log into a folder.

    Args:
        environment: variables of the script: URL, KEY, OUT, and those passed to `load_plan`.
        points: whether to write every measurement with its time, too.
    """
    command = [
        *(*_command(environment), "run", "--quiet", "--address", ""),
        *("--log-output", f"file={folder / LOG}", "--log-format", "raw"),
        *(("--out", f"json={folder / POINTS}") if points else ()),
        _script_path(plan.scenario),
    ]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration in Go's notation: `1m30s`, `500ms`."""
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))


def _parse_step(name: str, options: Mapping[str, Any]) -> Step:
    stages: Sequence[Mapping[str, Any]] = options.get("stages") or [options]
    return Step(
        name=name,
        users=int(options["tags"]["users"]),
        start=seconds_of(options["startTime"]),
        seconds=sum(seconds_of(stage["duration"]) for stage in stages),
        rate=options.get("rate"),
    )


def _command(environment: Mapping[str, str]) -> list[str]:
    """Return the command that runs this environment's k6 with nothing but the given variables.

    A developer's own K6_* variables would change a scenario, so none is inherited. env(1) replaces
    itself by k6, so that the API key does not stay in the list of processes.
    """
    variables = {"HOME": str(SCRIPTS), "K6_NO_USAGE_REPORT": "true", **environment}
    binary = Path(sys.executable).with_name("k6")
    return ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), str(binary)]


def _script_path(scenario: str) -> str:
    return str(SCRIPTS / f"{scenario}.js")
