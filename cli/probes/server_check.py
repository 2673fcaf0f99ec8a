"""Check that a server is ready, and that its forecasts are coherent and the same every time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, isclose, isfinite
from typing import Any

from cli.probes.connection import READINESS, Connection, ProbeError, Reply, not_ours

HORIZON = 7
"""Days, or weeks, of the forecasts that are compared."""

TOLERANCE = 1e-6
"""Relative difference between a node and the sum of its children, from rounding alone."""

_OF_TRIAL = "x-mlrf-release"
"""Header of answers while a release is tried beside the active one; /health names that one."""

_DISTRUST = (
    "Do not use these forecasts. Serve the model before (mlrf models rollback), and keep the log."
)


@dataclass(frozen=True)
class Check:
    """A check that was made, and how long it took."""

    name: str
    ok: bool
    seconds: float


@dataclass
class ServerReport:
    """The outcome of a check of a server.

    Attributes:
        checks: those that were made, the last of which may have failed.
        reason: what is wrong; None if nothing is.
        advice: what to do about it.
        degraded: parts of the service that fail while forecasts are still right.
    """

    checks: list[Check] = field(default_factory=list)
    reason: str | None = None
    advice: str | None = None
    model_version: str | None = None
    snapshot: str | None = None
    nodes: int = 0
    degraded: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.reason is None


class ReleaseChangedError(Exception):
    """Another release became active between two requests of a check."""


def check_server(connection: Connection) -> ServerReport:
    """Make all checks, up to the first that fails.

    A release that becomes active meanwhile is no failure: the checks are then made again, once.
    """
    try:
        return _check(connection)
    except ReleaseChangedError:
        try:
            return _check(connection)
        except ReleaseChangedError as error:
            return ServerReport(
                reason=f"release: {error}",
                advice="Several releases answer behind this address. That ends within seconds of a "
                "rollout; if it stays, compare /health of each replica.",
            )


def _check(connection: Connection) -> ServerReport:
    report, subject = ServerReport(), _Subject(connection)
    for name, check in (
        ("ready", subject.check_readiness),
        ("health", subject.check_health),
        ("tree", subject.check_tree),
        ("answer", subject.check_answer),
    ):
        began = time.monotonic()
        try:
            check()
        except ProbeError as error:
            report.reason, report.advice = f"{name}: {error.reason}", error.advice
        except (KeyError, TypeError, IndexError, AttributeError):  # JSON of another form
            foreign = not_ours(subject.path)
            report.reason, report.advice = f"{name}: {foreign.reason}", foreign.advice
        report.checks.append(Check(name, report.ok, time.monotonic() - began))
        report.model_version, report.snapshot = subject.release or (None, None)
        report.nodes, report.degraded = len(subject.predictions), tuple(subject.degraded)
        if not report.ok:
            break
    return report


class _Subject:
    """A server, and what it has answered so far.

    Attributes:
        release: names of its bundle and its snapshot.
        predictions: of each node, summed over the horizon.
        degraded: names of the parts that fail.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.path = ""
        self.release: tuple[str, str] | None = None
        self.predictions: dict[str, float] = {}
        self.degraded: Sequence[str] = ()
        self._in_trial = False

    def check_readiness(self) -> None:
        """Check that it has a model that it has verified."""
        self._get(READINESS)

    def check_health(self) -> None:
        """Check that its data are not older than it is allowed; note what else is degraded."""
        reply = self._get("/health")
        self._compare_release(reply)
        health = reply.document
        reasons = {reason["name"]: reason["detail"] for reason in health["reasons"]}
        self.degraded = list(reasons)
        if "data" in reasons:
            raise ProbeError(
                f"/health: {reasons['data']}",
                "See why no newer data came: the last refresh or reload in the log, and the tables "
                "that it reads.",
            )

    def check_tree(self) -> None:
        """Check that every node of every level is the sum of its children, however divided."""
        levels = {
            level["name"]: level["nodes"] for level in self._get("/meta").document["hierarchy"]
        }
        seen: dict[str, set[str]] = {name: set() for name in levels}
        between = list(levels)[1:-1]  # the first is the total, the last are the series
        for by in between or [None]:
            reply = self._get("/hierarchy", horizon=HORIZON, **({} if by is None else {"by": by}))
            self._compare_release(reply)
            for node in _check_sums(reply.document["tree"]):
                seen[node["level"]].add(node["id"])
                known = self.predictions.setdefault(node["id"], node["prediction"])
                if not _near(known, node["prediction"]):
                    raise ProbeError(
                        f"/hierarchy: {node['id']} is {node['prediction']} by {by}, and {known} "
                        "otherwise",
                        _DISTRUST,
                    )
        for level, nodes in levels.items():
            if len(seen[level]) != nodes:
                raise ProbeError(
                    f"/hierarchy: has {len(seen[level])} of the {nodes} nodes of level {level}",
                    _DISTRUST,
                )

    def check_answer(self) -> None:
        """Check that a series' forecast is the same from the cache, computed and in the tree."""
        node = list(self.predictions)[-1]  # a series: the last leaf of a tree
        body = {"node": node, "horizon": HORIZON, "intervals": [80, 95]}
        replies = [
            self._post("/forecast", body),
            self._post("/forecast", body),
            self._post("/forecast", body, Cache_Control="no-cache"),
        ]
        for reply in replies:
            self._compare_release(reply)
            if reply.body != replies[0].body:
                raise ProbeError(
                    f"/forecast: two answers for {node} differ, of which one may be a cached one",
                    f"{_DISTRUST} Then restart the servers and empty Redis, which drops cached "
                    "answers.",
                )
        days = replies[0].document["forecast"]
        if len(days) != HORIZON:
            raise ProbeError(f"/forecast: {len(days)} days of {node}, not {HORIZON}", _DISTRUST)
        for day in days:
            _check_day(node, day)
        total = fsum(day["prediction"] for day in days)
        if not _near(total, self.predictions[node]):
            raise ProbeError(
                f"/forecast: {node} adds up to {total} over {HORIZON} days, and is "
                f"{self.predictions[node]} in /hierarchy",
                _DISTRUST,
            )

    def _get(self, path: str, **query: object) -> Reply:
        self.path = path
        return self._connection.get(path, **query)

    def _post(self, path: str, body: Mapping[str, Any], **headers: str) -> Reply:
        self.path = path
        return self._connection.post(path, body, **headers)

    def _compare_release(self, reply: Reply) -> None:
        """Raise a ReleaseChangedError if a reply is of another release than those before it."""
        snapshot, version = reply.document["snapshot"], reply.document["model_version"]
        release = (version, f"{snapshot['origin']}-{snapshot['digest']}")
        if _OF_TRIAL in reply.headers and not self._in_trial:
            self._in_trial, self.release = True, None
        if self.release not in (None, release):
            raise ReleaseChangedError(f"{' '.join(self.release or ())}, then {' '.join(release)}")
        self.release = release


def _check_sums(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a node and all below it; raise a ProbeError where children do not add up."""
    children = node["children"]
    if not isfinite(node["prediction"]) or node["prediction"] < 0:
        raise ProbeError(f"/hierarchy: {node['id']} is {node['prediction']}", _DISTRUST)
    total = fsum(child["prediction"] for child in children)
    if children and not _near(total, node["prediction"]):
        raise ProbeError(
            f"/hierarchy: the children of {node['id']} add up to {total}, and it is "
            f"{node['prediction']}",
            _DISTRUST,
        )
    yield node
    for child in children:
        yield from _check_sums(child)


def _check_day(node: str, day: Mapping[str, Any]) -> None:
    bounds = [day["lower_95"], day["lower_80"], day["upper_80"], day["upper_95"]]
    if not all(map(isfinite, [*bounds, day["prediction"]])) or day["prediction"] < 0:
        raise ProbeError(f"/forecast: {node} has no forecast for {day['date']}", _DISTRUST)
    if bounds != sorted(bounds):
        raise ProbeError(
            f"/forecast: the intervals of {node} for {day['date']} are not within each other",
            _DISTRUST,
        )


def _near(one: float, other: float) -> bool:
    return isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
