"""What requests notice of a reload."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from features.build import build_snapshot
from features.tables import read_tables
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


def at(began: float, milliseconds: float = 10, call: str = "simple") -> Request:
    return Request(call, began, began + milliseconds / 1000)


def reloaded(*spans: Span) -> Reload:
    reload = Reload(cast(Any, None), scenario="reload", after=5)
    reload.spans.extend(spans)
    return reload


SPANS = (Span(100, 102, 103), Span(110, 112, 113), Span(120, 122, 123))


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        pytest.param(at(99), "before", id="before"),
        pytest.param(at(99.995), "during", id="was running when it began"),
        pytest.param(at(101), "during", id="during"),
        pytest.param(at(102.999), "during", id="until every worker has followed"),
        pytest.param(at(105), None, id="between two"),
        pytest.param(at(111), "during", id="during another"),
        pytest.param(at(124), "after", id="after"),
    ],
)
def test_where_a_request_belongs(request_: Request, place: str | None) -> None:
    row = dict(zip(*_table(reloaded(*SPANS), [request_]), strict=True))
    found = {
        "before": row["before p95 ms"],
        "during": row["during p95 ms"],
        "after": row["after p95 ms"],
    }
    measured = [name for name, value in found.items() if value is not None]
    assert measured == ([place] if place else [])


def test_what_comes_after_the_last_whole_reload_is_not_after_all_of_them() -> None:
    """The next one was running."""
    assert len(SPANS) == RELOADS
    row = dict(zip(*_table(reloaded(*SPANS[:2]), [at(130)]), strict=True))
    assert row["after p95 ms"] is None


@pytest.mark.parametrize(
    ("milliseconds", "holds"),
    [pytest.param(19, True, id="hardly"), pytest.param(21, False, id="more than twice as long")],
)
def test_running_requests_may_take_less_than_twice_as_long(
    milliseconds: float, holds: bool
) -> None:
    requests = [at(90), at(91), at(101, milliseconds), at(111, milliseconds)]
    (verdict,) = reloaded(*SPANS).verdicts(requests)
    assert verdict.holds is holds
    assert verdict.value == pytest.approx(milliseconds / 10)


def test_without_a_request_during_it_nothing_was_measured() -> None:
    (verdict,) = reloaded(*SPANS).verdicts([at(90)])
    assert not verdict.holds
    assert verdict.value is None


def test_calls_have_rows_of_their_own() -> None:
    requests = [at(90), at(90, 40, "explain"), at(101, 30), at(101, 40, "explain")]
    table = reloaded(*SPANS).table(requests)
    assert table.column("call") == ["simple", "explain", ALL]
    assert table.column(RATIO)[:2] == [pytest.approx(3), pytest.approx(1)]
    assert "2.0 s; after 3.0 s" in table.caption


def test_a_reload_that_had_no_end_is_told() -> None:
    with pytest.raises(ReloadFailedError, match="more seconds"):
        reloaded().table([at(90)])


def test_requests_are_read_from_what_k6_writes(tmp_path: Path) -> None:
    """Those that are counted; k6 gives the time at which a request ended."""
    tags = {"part": "measured", "call": "explain"}
    time = "2026-11-21T09:24:22.123456789Z"
    lines = [
        {"type": "Metric", "data": {"name": "http_req_duration"}, "metric": "http_req_duration"},
        _point(time, 20.5, tags),
        _point(time, 20.5, {**tags, "part": "warm-up"}),
        _point(time, 20.5, {}),
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
def test_newer_tables_make_other_snapshots(suffix: str, demo_folder: Path, tmp_path: Path) -> None:
    """The same but for the last day, and each different from the others."""
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


def _table(reload: Reload, requests: list[Request]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    table = reload.table(requests)
    return table.columns, table.rows[-1]


def _point(time: str, value: float, tags: dict[str, str]) -> dict[str, Any]:
    data = {"time": time, "value": value, "tags": tags}
    return {"metric": "http_req_duration", "type": "Point", "data": data}
