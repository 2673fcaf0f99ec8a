"""Latency of requests before, during and after reloads."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from features.data.build import build_snapshot
from features.data.tables import read_tables
from load.outcome import ALL
from load.reloading import (
    RATIO,
    RELOADS,
    Reload,
    ReloadFailedError,
    Request,
    Span,
    newer_tables,
    read_requests,
)


def request_at(began: float, milliseconds: float = 10, call: str = "simple") -> Request:
    return Request(call, began, began + milliseconds / 1000)


def reload_of(*spans: Span) -> Reload:
    reload = Reload(cast(Any, None), scenario="reload", after=5)
    reload.spans.extend(spans)
    return reload


SPANS = (Span(100, 102, 103), Span(110, 112, 113), Span(120, 122, 123))


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        pytest.param(request_at(99), "before", id="before"),
        pytest.param(request_at(99.995), "during", id="was running when it began"),
        pytest.param(request_at(101), "during", id="during"),
        pytest.param(request_at(102.999), "during", id="until every worker has followed"),
        pytest.param(request_at(105), None, id="between two"),
        pytest.param(request_at(111), "during", id="during another"),
        pytest.param(request_at(124), "after", id="after"),
    ],
)
def test_a_request_is_assigned_to_before_during_or_after(
    request_: Request, place: str | None
) -> None:
    row = dict(zip(*_columns_and_last_row(reload_of(*SPANS), [request_]), strict=True))
    percentiles = {
        "before": row["before p95 ms"],
        "during": row["during p95 ms"],
        "after": row["after p95 ms"],
    }
    measured = [name for name, value in percentiles.items() if value is not None]
    assert measured == ([place] if place else [])


def test_requests_after_the_last_complete_reload_may_not_be_after_all_reloads() -> None:
    """Another reload was running then."""
    assert len(SPANS) == RELOADS
    row = dict(zip(*_columns_and_last_row(reload_of(*SPANS[:2]), [request_at(130)]), strict=True))
    assert row["after p95 ms"] is None


@pytest.mark.parametrize(
    ("milliseconds", "holds"),
    [pytest.param(19, True, id="hardly"), pytest.param(21, False, id="more than twice as long")],
)
def test_running_requests_may_take_less_than_twice_as_long(
    milliseconds: float, holds: bool
) -> None:
    requests = [
        request_at(90),
        request_at(91),
        request_at(101, milliseconds),
        request_at(111, milliseconds),
    ]
    (verdict,) = reload_of(*SPANS).verdicts(requests)
    assert verdict.holds is holds
    assert verdict.value == pytest.approx(milliseconds / 10)


def test_without_a_request_during_it_nothing_was_measured() -> None:
    (verdict,) = reload_of(*SPANS).verdicts([request_at(90)])
    assert not verdict.holds
    assert verdict.value is None


def test_calls_have_rows_of_their_own() -> None:
    requests = [
        request_at(90),
        request_at(90, 40, "explain"),
        request_at(101, 30),
        request_at(101, 40, "explain"),
    ]
    table = reload_of(*SPANS).table(requests)
    assert table.column("call") == ["simple", "explain", ALL]
    assert table.column(RATIO)[:2] == [pytest.approx(3), pytest.approx(1)]
    assert "2.0 s; after 3.0 s" in table.caption


def test_a_reload_without_an_end_is_an_error() -> None:
    with pytest.raises(ReloadFailedError, match="more seconds"):
        reload_of().table([request_at(90)])


def test_requests_are_read_from_what_k6_writes(tmp_path: Path) -> None:
    """Only counted requests are read; k6 records the time at which a request ended."""
    tags = {"part": "measured", "call": "explain"}
    time = "2026-11-21T09:24:22.123456789Z"
    lines = [
        {"type": "Metric", "data": {"name": "http_req_duration"}, "metric": "http_req_duration"},
        _make_point(time, 20.5, tags),
        _make_point(time, 20.5, {**tags, "part": "warm-up"}),
        _make_point(time, 20.5, {}),
        {"metric": "errors", "type": "Point", "data": {"time": time, "value": 0, "tags": tags}},
    ]
    path = tmp_path / "points.json"
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    (request,) = read_requests(path)
    ended = datetime(2026, 11, 21, 9, 24, 22, 123456, tzinfo=UTC).timestamp()
    assert request.call == "explain"
    assert request.ended == pytest.approx(ended)
    assert request.ended - request.began == pytest.approx(0.0205, abs=1e-6)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_newer_tables_give_different_snapshots(
    suffix: str, demo_folder: Path, tmp_path: Path
) -> None:
    """They differ in the last day only, each from the others."""
    source = Path(shutil.copytree(demo_folder, tmp_path / "tables"))
    if suffix == ".csv":
        pl.read_parquet(source / "train.parquet").write_csv(source / "train.csv")
        (source / "train.parquet").unlink()
    data = newer_tables(source, tmp_path / "data")
    folders = [demo_folder, *sorted(data.iterdir())]
    assert len(folders) == RELOADS + 1
    tables = [read_tables(folder) for folder in folders]
    snapshots = {build_snapshot(table, tmp_path / "snapshots").name for table in tables}
    assert len(snapshots) == RELOADS + 1
    old, new = (table.train.sort("date", "store_nbr", "family") for table in tables[:2])
    assert old.drop("sales").equals(new.drop("sales"))
    more = new.with_columns(more=new["sales"] - old["sales"])
    last = pl.col("date") == pl.col("date").max()
    assert more.filter(last)["more"].round(3).unique().to_list() == [1]
    assert more.filter(~last)["more"].unique().to_list() == [0]


def _columns_and_last_row(
    reload: Reload, requests: list[Request]
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    table = reload.table(requests)
    return table.columns, table.rows[-1]


def _make_point(time: str, value: float, tags: dict[str, str]) -> dict[str, Any]:
    data = {"time": time, "value": value, "tags": tags}
    return {"metric": "http_req_duration", "type": "Point", "data": data}
