"""Exports: all forecasts of a release as a file, requested, waited for and downloaded."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mlrf_client._models import ExportAnswer, ExportsAnswer
from mlrf_client._parsing import parse
from mlrf_client._requests import Day, Download, Pause, Request, Steps
from mlrf_client.errors import ExportFailed, NoAnswer

Format = Literal["csv", "parquet", "arrow"]

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


def export(
    *,
    levels: Sequence[str] | None = None,
    nodes: Sequence[str] | None = None,
    date: Day | None = None,
    horizon: int | None = None,
    intervals: Sequence[int] | None = None,
    quantiles: Sequence[float] | None = None,
    adjusted: bool | None = None,
    format: Format | None = None,  # noqa: A002 - the name of the API
) -> Steps[ExportAnswer]:
    """Ask for a file of forecasts: of all nodes, or of those of some levels.

    Args:
        levels: whose nodes are written; all if left out.
        nodes: ids of single nodes instead, up to 1,000.
        date: first day; the day after the newest sales if left out.
        horizon: days; all that there are if left out.
        intervals: nominal coverage in percent, each from 50 to 99; 80 and 95 if left out.
        quantiles: probabilities from 0.005 to 0.995, such as 0.9; none if left out.
        adjusted: whether predictions have the standing overrides of planners.
        format: of the file; CSV if left out.
    """
    members = {
        "levels": levels,
        "nodes": nodes,
        "date": date,
        "horizon": horizon,
        "intervals": intervals,
        "quantiles": quantiles,
        "adjusted": adjusted,
        "format": format,
    }
    # a request that is sent again must not make a second export
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    return parse(ExportAnswer, (yield Request("POST", "/exports", members, headers)))


def exports() -> Steps[ExportsAnswer]:
    """List the caller's exports, the newest first."""
    return parse(ExportsAnswer, (yield Request("GET", "/exports")))


def wait_for_export(name: str, *, seconds: float = 3600.0) -> Steps[ExportAnswer]:
    """Wait until an export has succeeded, and return it.

    Args:
        name: its id.
        seconds: to wait at most.

    Raises:
        ExportFailed: it failed, or was cancelled.
        NoAnswer: it has not ended in time.
    """
    until, pause = time.monotonic() + seconds, _SHORTEST_PAUSE
    while True:
        answer = parse(ExportAnswer, (yield Request("GET", f"/exports/{name}")))
        if answer.state == "succeeded":
            return answer
        if answer.state not in ("queued", "running"):
            raise ExportFailed(f"Export {name} has {answer.state}. {answer.detail or ''}".strip())
        if time.monotonic() + pause > until:
            raise NoAnswer(f"Export {name} has not ended within {seconds:g} s.")
        yield Pause(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def download_export(name: str, path: Path | str) -> Steps[Path]:
    """Download the file of an export, and return its path; an existing file is replaced.

    Where the connection breaks, the download goes on from there. The file is put in its place when
    it is complete and its digest is right.

    Args:
        name: id of the export.

    Raises:
        ExportFailed: it has no file, because it has not succeeded.
        UnexpectedAnswer: the digest is wrong.
    """
    answer = parse(ExportAnswer, (yield Request("GET", f"/exports/{name}")))
    if answer.download is None or answer.sha256 is None:
        raise ExportFailed(f"Export {name} has no file: it is {answer.state}.")
    target = Path(path)
    yield Download(answer.download, target, answer.sha256)
    return target


def delete_export(name: str) -> Steps[ExportsAnswer]:
    """Cancel an export that has not ended, or delete one that has; return those that are left."""
    return parse(ExportsAnswer, (yield Request("DELETE", f"/exports/{name}")))
