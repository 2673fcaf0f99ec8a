"""The measurements of a k6 run: tables of its figures, and the verdicts of its thresholds."""

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

_SUBMETRIC = re.compile(r"(\w+)\{(.*)\}")
_RULE = re.compile(r"(\S+?)\s*(<=?|>=?|===?)\s*([\d.]+)")
_METRIC_LABELS = {
    "http_req_duration": "ms",
    "errors": "share of errors",
    "dropped_iterations": "requests not sent, because no connection was free",
}


@dataclass(frozen=True)
class Verdict:
    """A threshold, and whether the run stayed within it.

    Attributes:
        subject: call or users, and metric, that it applies to.
        rule: such as ``p(95)<100``.
        value: measured value; None where nothing was measured, so that the threshold failed.
    """

    subject: str
    rule: str
    value: float | None
    holds: bool

    def __str__(self) -> str:
        measured = "nothing was measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.subject}: {self.rule}, measured: {measured}"


@dataclass(frozen=True)
class RunSummary:
    """The summary document of a run, as k6 wrote it."""

    plan: Plan
    document: Mapping[str, Any]

    @classmethod
    def read(cls, plan: Plan, folder: Path) -> RunSummary:
        return cls(plan, json.loads((folder / SUMMARY).read_text(encoding="utf-8")))

    @cached_property
    def calls(self) -> Table:
        """Figures of each call, and of all calls together."""
        names = {
            match[2].removeprefix(f"{MEASURED},call:")
            for metric in self._metrics
            if (match := _SUBMETRIC.fullmatch(metric)) and "call:" in match[2]
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
        """Figures of each step of the scenario."""
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
        """A verdict for each threshold of the scenario."""
        return [
            self._verdict(metric, document["values"], rule, bool(judged["ok"]))
            for metric, document in sorted(self._metrics.items())
            for rule, judged in document.get("thresholds", {}).items()
        ]

    @cached_property
    def wrong(self) -> dict[str, int]:
        """Number of failures of each check of the responses that failed, warm-up included."""
        checks = self.document["root_group"]["checks"]
        return {check["name"]: check["fails"] for check in checks if check["fails"]}

    @property
    def _metrics(self) -> Mapping[str, Any]:
        metrics: Mapping[str, Any] = self.document["metrics"]
        return metrics

    def _values(self, metric: str) -> Mapping[str, float]:
        values: Mapping[str, float] = self._metrics.get(metric, {}).get("values", {})
        return values

    def _count(self, part: str) -> int:
        return int(self._values(f"http_req_duration{{{part}}}").get("count", 0))

    def _figures(self, part: str, seconds: float) -> Iterator[Cell]:
        times, count = self._values(f"http_req_duration{{{part}}}"), self._count(part)
        yield count
        yield count / seconds
        for name in ("med", "p(95)", "p(99)", "max"):
            yield times.get(name) if count else None
        # `passes` of a rate counts its true samples, which are the errors here
        yield int(self._values(f"errors{{{part}}}").get("passes", 0))

    def _size(self, part: str) -> Cell:
        sizes = self._values(f"content_length{{{part}}}")
        return sizes["avg"] / 1024 if sizes.get("count") else None

    def _verdict(self, metric: str, values: Mapping[str, float], rule: str, holds: bool) -> Verdict:
        match = _RULE.fullmatch(rule)
        figure = match[1] if match else ""
        value = values.get("med" if figure == "p(50)" else figure)
        # k6 reports a threshold on a metric without samples as passed. Here it fails: a call that
        # was never made must not pass. The exception is the counter of dropped iterations, for
        # which no sample means that none was dropped, provided that requests were made at all.
        if not values.get("count", values.get("passes", 0) + values.get("fails", 0)):
            none_dropped = metric == "dropped_iterations" and self._count(MEASURED)
            value, holds = (0.0, holds) if none_dropped else (None, False)
        return Verdict(_subject(metric), rule, value, holds)


def limits(kind: str, scenario: str) -> Mapping[str, float]:
    """Return the thresholds of a kind that k6 cannot measure; none if the scenario has none."""
    table = json.loads(THRESHOLDS.read_text(encoding="utf-8"))
    thresholds: Mapping[str, float] = table[kind].get(scenario, {})
    return thresholds


def _subject(metric: str) -> str:
    """Describe in words what a metric of k6 measures."""
    match = _SUBMETRIC.fullmatch(metric)
    name, pairs = (match[1], match[2].split(",")) if match else (metric, [])
    tags = dict(pair.split(":", 1) for pair in pairs)
    scope = tags.get("call") or (f"{tags['users']} users" if "users" in tags else ALL)
    return f"{scope}, {_METRIC_LABELS.get(name, name)}"
