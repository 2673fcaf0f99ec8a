"""What a run of k6 measured: tables of its figures, and which thresholds held."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from load.generator import SUMMARY, Plan
from load.record import Cell, Table

THRESHOLDS = Path(__file__).resolve().parent / "thresholds.json"
COLUMNS = ("requests", "per second", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors")
MEASURED = "part:measured"
ALL = "all calls"

_SELECTED = re.compile(r"(\w+)\{(.*)\}")
_RULE = re.compile(r"(\S+?)\s*(<=?|>=?|===?)\s*([\d.]+)")
_SHOWN = {
    "http_req_duration": "ms",
    "errors": "share of errors",
    "dropped_iterations": "requests not sent, because no connection was free",
}


@dataclass(frozen=True)
class Verdict:
    """A threshold, and whether it held.

    Attributes:
        subject: what it is about.
        rule: such as ``p(95)<100``.
        value: what was measured; None where nothing was, and the threshold did not hold.
    """

    subject: str
    rule: str
    value: float | None
    holds: bool

    def __str__(self) -> str:
        measured = "nothing was measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.subject}: {self.rule}, measured: {measured}"


@dataclass(frozen=True)
class Measured:
    """The summary of a run, as k6 wrote it."""

    plan: Plan
    document: Mapping[str, Any]

    @classmethod
    def read(cls, plan: Plan, folder: Path) -> Measured:
        return cls(plan, json.loads((folder / SUMMARY).read_text(encoding="utf-8")))

    @cached_property
    def calls(self) -> Table:
        """Each call, and all of them."""
        names = {
            selected[2].removeprefix(f"{MEASURED},call:")
            for metric in self._metrics
            if (selected := _SELECTED.fullmatch(metric)) and "call:" in selected[2]
        }
        parts = {name: f"{MEASURED},call:{name}" for name in sorted(names)} | {ALL: MEASURED}
        rows = [
            (name, *self._figures(part, self.plan.measured), self._size(part))
            for name, part in parts.items()
            if self._count(part)
        ]
        scenario = self.plan.scenario
        return Table(
            id=f"{scenario}-calls",
            caption=f"Scenario `{scenario}`, by call.",
            columns=("call", *COLUMNS, "mean KiB"),
            rows=tuple(sorted(rows, key=lambda row: (row[0] == ALL, -int(row[1] or 0)))),
        )

    @cached_property
    def steps(self) -> Table:
        """Each time of the scenario with as many users."""
        scenario = self.plan.scenario
        return Table(
            id=f"{scenario}-steps",
            caption=f"Scenario `{scenario}`, by number of users.",
            columns=("users", "seconds", *COLUMNS),
            rows=tuple(
                (step.users, step.seconds, *self._figures(f"scenario:{step.name}", step.seconds))
                for step in self.plan.steps
            ),
        )

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Every threshold of the scenario."""
        return [
            self._verdict(metric, told["values"], rule, bool(judged["ok"]))
            for metric, told in sorted(self._metrics.items())
            for rule, judged in told.get("thresholds", {}).items()
        ]

    @cached_property
    def wrong(self) -> dict[str, int]:
        """Checks of answers that failed, and how often, warm-up included."""
        checks = self.document["root_group"]["checks"]
        return {check["name"]: check["fails"] for check in checks if check["fails"]}

    @property
    def _metrics(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["metrics"]
        return found

    def _values(self, metric: str) -> Mapping[str, float]:
        found: Mapping[str, float] = self._metrics.get(metric, {}).get("values", {})
        return found

    def _count(self, part: str) -> int:
        return int(self._values(f"http_req_duration{{{part}}}").get("count", 0))

    def _figures(self, part: str, seconds: float) -> Iterator[Cell]:
        times, count = self._values(f"http_req_duration{{{part}}}"), self._count(part)
        yield count
        yield count / seconds
        for name in ("med", "p(95)", "p(99)", "max"):
            yield times.get(name) if count else None
        yield int(self._values(f"errors{{{part}}}").get("passes", 0))  # k6 counts what is true

    def _size(self, part: str) -> Cell:
        sizes = self._values(f"content_length{{{part}}}")
        return sizes["avg"] / 1024 if sizes.get("count") else None

    def _verdict(self, metric: str, values: Mapping[str, float], rule: str, holds: bool) -> Verdict:
        found = _RULE.fullmatch(rule)
        figure = found[1] if found else ""
        value = values.get("med" if figure == "p(50)" else figure)
        # k6 says of a threshold on nothing that it holds
        if not values.get("count", values.get("passes", 0) + values.get("fails", 0)):
            told = metric == "dropped_iterations" and self._count(MEASURED)
            value, holds = (0.0, holds) if told else (None, False)
        return Verdict(_subject(metric), rule, value, holds)


def limits(kind: str, scenario: str) -> Mapping[str, float]:
    """Thresholds on what k6 does not see; none where the scenario has none of that kind."""
    table = json.loads(THRESHOLDS.read_text(encoding="utf-8"))
    found: Mapping[str, float] = table[kind].get(scenario, {})
    return found


def _subject(metric: str) -> str:
    """What a metric of k6 measures, in words."""
    selected = _SELECTED.fullmatch(metric)
    name, tags = (selected[1], selected[2].split(",")) if selected else (metric, [])
    told = dict(tag.split(":", 1) for tag in tags)
    who = told.get("call") or (f"{told['users']} users" if "users" in told else ALL)
    return f"{who}, {_SHOWN.get(name, name)}"
