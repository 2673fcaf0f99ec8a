"""The forecast file: the server's numbers in the requested rows, written atomically."""

from __future__ import annotations

import csv
import os
import shutil
import stat
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from errors import InputError
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.tables import DataError
from models.intervals import Intervals
from models.serving.forecast_store import Forecasts
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import ArtifactError, Store
from training import forecast_file as module
from training.forecast_file import Written, forecast_file, write_rows

COLUMNS = [
    *("id", "date", "store_nbr", "family", "sales"),
    *("lower_80", "upper_80", "lower_95", "upper_95"),
]
LAST = date(2024, 6, 30)
"""Last day of the demo's train."""
KEYS = ["date", "store_nbr", "family"]


@pytest.fixture
def tables(demo_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the demo tables that the test may change."""
    return Path(shutil.copytree(demo_folder, tmp_path / "tables"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "forecast.csv"


@pytest.fixture
def serving(trained: Store) -> LoadedRelease:
    return load_release(trained, trained.current())


def change(tables: Path, name: str, how: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    frame = how(pl.read_parquet(tables / f"{name}.parquet"))
    frame.write_parquet(tables / f"{name}.parquet")
    return frame


def read(out: Path) -> pl.DataFrame:
    return pl.read_csv(out, try_parse_dates=True)


def assert_adds_up(frame: pl.DataFrame, snapshot: Snapshot) -> None:
    """Assert that every node is the sum of its bottoms on every day of the file."""
    order = pl.DataFrame({"node": list(snapshot.hierarchy.index)}).with_row_index("row")
    for _, day in frame.group_by("date"):
        values = day.join(order, on="node").sort("row")["sales"].to_numpy()
        sums = snapshot.hierarchy.aggregate(values[snapshot.hierarchy.n_upper :])
        np.testing.assert_allclose(values, sums, rtol=1e-9)


# --- the rows ---------------------------------------------------------------------------------


def test_the_rows_are_those_of_test_with_served_forecasts(
    demo_folder: Path, trained: Store, out: Path, serving: LoadedRelease
) -> None:
    done = forecast_file(demo_folder, trained, out)
    frame, test = read(out), pl.read_parquet(demo_folder / "test.parquet")
    assert frame.columns == COLUMNS
    assert frame.select("id", *KEYS).equals(test.select("id", *KEYS).cast({"store_nbr": pl.Int64}))
    assert done == Written(
        trained.current(), frame.height, LAST + timedelta(1), LAST + timedelta(16)
    )
    row = serving.engine.snapshot.hierarchy.index["store:1/family:LIQUOR,WINE,BEER"]
    mean = serving.forecasts.mean[[row], :16]
    series = frame.filter(pl.col("store_nbr") == 1, pl.col("family") == "LIQUOR,WINE,BEER")
    np.testing.assert_array_equal(series["sales"], mean[0])
    for nominal in (80, 95):
        bounds = serving.intervals.bounds(
            np.array([row]), mean, np.arange(1, 17), nominal, sold=np.array([True])
        )
        for side, values in zip(("lower", "upper"), bounds, strict=True):
            np.testing.assert_allclose(series[f"{side}_{nominal}"], values[0], rtol=1e-12)


def test_any_order_of_test_is_preserved(tables: Path, own_store: Store, out: Path) -> None:
    test = change(tables, "test", lambda frame: frame.sample(fraction=0.4, shuffle=True, seed=1))
    forecast_file(tables, own_store, out)
    assert read(out)["id"].to_list() == test["id"].to_list()
    assert read(out).select(KEYS).equals(test.select(KEYS).cast({"store_nbr": pl.Int64}))


def test_the_size_of_a_part_changes_nothing(
    demo_folder: Path, trained: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast_file(demo_folder, trained, tmp_path / "whole.csv", levels=True)
    monkeypatch.setattr(module, "_CHUNK_ROWS", 100)
    forecast_file(demo_folder, trained, tmp_path / "parts.csv", levels=True)
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "parts.csv").read_bytes()


@pytest.mark.parametrize(("days", "expected"), [(None, 16), (1, 1), (90, 90)])
def test_without_test_the_next_days_are_forecast_and_numbered_on(
    tables: Path, own_store: Store, out: Path, days: int | None, expected: int
) -> None:
    (tables / "test.parquet").unlink()
    last = pl.read_parquet(tables / "train.parquet")["id"].max()
    done = forecast_file(tables, own_store, out, days=days)
    frame = read(out)
    assert (done.first, done.last) == (LAST + timedelta(1), LAST + timedelta(expected))
    assert frame["date"].unique().to_list() == [LAST + timedelta(n + 1) for n in range(expected)]
    assert frame.select(pl.struct("store_nbr", "family").n_unique()).item() == 48
    assert frame["id"].to_list() == list(range(last + 1, last + 1 + 48 * expected))
    assert frame.select(KEYS).equals(frame.select(KEYS).sort(KEYS))


def test_without_any_ids_they_begin_at_0(tables: Path, own_store: Store, out: Path) -> None:
    (tables / "test.parquet").unlink()
    change(tables, "train", lambda frame: frame.drop("id"))
    forecast_file(tables, own_store, out, days=1)
    assert read(out)["id"].to_list() == list(range(48))


def test_csv_tables_make_the_same_file(
    tables: Path, demo_folder: Path, own_store: Store, tmp_path: Path
) -> None:
    for name in ("train", "test"):
        pl.read_parquet(tables / f"{name}.parquet").write_csv(tables / f"{name}.csv")
        (tables / f"{name}.parquet").unlink()
    forecast_file(tables, own_store, tmp_path / "csv.csv")
    forecast_file(demo_folder, own_store, tmp_path / "parquet.csv")
    assert (tmp_path / "csv.csv").read_bytes() == (tmp_path / "parquet.csv").read_bytes()


# --- all levels -------------------------------------------------------------------------------


def test_with_levels_every_node_follows_and_all_add_up(
    demo_folder: Path, trained: Store, out: Path, snapshot: Snapshot
) -> None:
    forecast_file(demo_folder, trained, out, levels=True)
    frame = read(out)
    assert frame.columns == [*COLUMNS, "node"]
    upper = frame.filter(pl.col("id").is_null())
    assert frame.height == 16 * len(snapshot.hierarchy)
    assert frame.head(16 * 48)["id"].is_not_null().all()
    first = upper.head(len(snapshot.hierarchy.nodes) - 48)
    assert first["node"].to_list() == list(snapshot.hierarchy.index)[: len(first)]
    attributes = {row["node"]: (row["store_nbr"], row["family"]) for row in frame.to_dicts()}
    assert attributes["total"] == (None, None)
    assert attributes["store:21"] == (21, None)
    assert attributes["family:LIQUOR,WINE,BEER"] == (None, "LIQUOR,WINE,BEER")
    assert attributes["store:21/family:DAIRY"] == (21, "DAIRY")
    assert_adds_up(frame, snapshot)


def test_levels_add_up_where_test_omits_series_and_days(
    tables: Path, own_store: Store, out: Path, snapshot: Snapshot
) -> None:
    included = (pl.col("store_nbr") != 3) & (pl.col("date") != date(2024, 7, 5))
    test = change(tables, "test", lambda frame: frame.filter(included))
    forecast_file(tables, own_store, out, levels=True)
    frame = read(out)
    assert frame["id"].drop_nulls().to_list() == test["id"].to_list()
    assert frame.height == 15 * len(snapshot.hierarchy)
    missing = frame.filter(pl.col("store_nbr") == 3, pl.col("family").is_not_null())
    assert missing.height == 15 * 8
    assert missing["id"].is_null().all()
    assert_adds_up(frame, snapshot)


def test_unusual_series_are_in_the_file(
    odd_folder: Path, own_store: Store, out: Path, odd_snapshot: Snapshot
) -> None:
    """One is a store that the model has not seen and test leaves out."""
    done = forecast_file(odd_folder, own_store, out, levels=True)
    assert done.release.snapshot == odd_snapshot.name
    frame = read(out)
    numbers = frame.select(COLUMNS[4:]).to_numpy()
    assert np.isfinite(numbers).all()
    assert (numbers >= 0).all()
    assert frame.filter(pl.col("store_nbr") == 77).height == 16 * 9
    assert frame.filter(pl.col("family") == "TOYS")["sales"].unique().to_list() == [0.0]
    assert_adds_up(frame, odd_snapshot)


# --- format -----------------------------------------------------------------------------------


def test_the_file_is_what_rfc_4180_says(demo_folder: Path, trained: Store, out: Path) -> None:
    forecast_file(demo_folder, trained, out, levels=True)
    text = out.read_bytes()
    lines = text.split(b"\r\n")
    assert lines[-1] == b""
    assert b"\n" not in text.replace(b"\r\n", b"")
    assert not text.startswith(b"\xef\xbb\xbf")
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, strict=True))
    assert {len(row) for row in rows} == {len(COLUMNS) + 1}
    assert rows[0] == [*COLUMNS, "node"]
    wine = next(line for line in lines if b"WINE" in line)
    assert b',"LIQUOR,WINE,BEER",' in wine


def test_a_name_that_looks_like_a_formula_is_escaped(
    tables: Path, own_store: Store, out: Path
) -> None:
    renamed = pl.col("family").replace("DAIRY", "=DAIRY")
    for name in ("train", "test"):
        change(tables, name, lambda frame: frame.with_columns(family=renamed))
    forecast_file(tables, own_store, out, levels=True)
    frame = read(out)
    assert "'=DAIRY" in frame["family"].to_list()
    assert "=DAIRY" not in frame["family"].to_list()
    assert "family:=DAIRY" in frame["node"].to_list()


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_day_out_of_reach_is_refused_with_its_row(
    tables: Path, own_store: Store, out: Path, suffix: str
) -> None:
    late = LAST + timedelta(91)
    path = tables / f"test.{suffix}"
    rows = pl.read_parquet(tables / "test.parquet").with_row_index()
    day = pl.when(pl.col("index") == 40).then(pl.lit(late)).otherwise("date")
    changed = rows.with_columns(date=day).drop("index")
    (tables / "test.parquet").unlink()
    changed.write_csv(path) if suffix == "csv" else changed.write_parquet(path)
    with pytest.raises(DataError) as caught:
        forecast_file(tables, own_store, out)
    assert caught.value.file == path
    assert caught.value.row == {"parquet": 41, "csv": 42}[suffix]
    assert str(caught.value).endswith(
        f"{late} is more than 90 days after the last day of sales ({LAST})"
    )
    assert not out.exists()


@pytest.mark.parametrize(("days", "with_test"), [(0, False), (91, False), (16, True)])
def test_implausible_days_are_refused(
    tables: Path, own_store: Store, out: Path, days: int, with_test: bool
) -> None:
    if not with_test:
        (tables / "test.parquet").unlink()
    with pytest.raises(InputError, match="leave out --days" if with_test else "1 to 90"):
        forecast_file(tables, own_store, out, days=days)
    assert not out.exists()


def test_tables_of_another_retailer_are_refused(tables: Path, own_store: Store, out: Path) -> None:
    for name in ("train", "test"):
        change(tables, name, lambda frame: frame.with_columns(family="NEW " + pl.col("family")))
    with pytest.raises(ArtifactError, match="has seen no family of snapshot"):
        forecast_file(tables, own_store, out)
    assert not out.exists()


def test_without_a_model_nothing_is_read(tmp_path: Path, out: Path) -> None:
    with pytest.raises(ArtifactError, match="train a model first"):
        forecast_file(tmp_path / "nowhere", Store(tmp_path / "empty"), out)


# --- artifacts --------------------------------------------------------------------------------


def test_the_model_is_not_trained_again_and_equal_tables_make_no_new_artifact(
    demo_folder: Path, own_store: Store, out: Path
) -> None:
    load_release(own_store, own_store.current())
    before = {path: path.stat().st_mtime_ns for path in own_store.root.glob("*/*/*")}
    forecast_file(demo_folder, own_store, out)
    after = {path: path.stat().st_mtime_ns for path in own_store.root.glob("*/*/*")}
    assert after == before


def test_newer_tables_make_a_snapshot_beside_the_one_that_serves(
    odd_folder: Path, own_store: Store, out: Path
) -> None:
    serving = own_store.current()
    bundles = sorted(own_store.bundles.iterdir())
    release = forecast_file(odd_folder, own_store, out).release
    assert own_store.current() == serving
    assert release.bundle == serving.bundle
    assert release.snapshot != serving.snapshot
    assert (own_store.snapshots / release.snapshot).is_dir()
    assert sorted(own_store.bundles.iterdir()) == bundles


# --- output path ------------------------------------------------------------------------------


def test_an_older_file_is_replaced_without_leftovers(
    demo_folder: Path, trained: Store, out: Path
) -> None:
    out.write_text("older\n", encoding="utf-8")
    forecast_file(demo_folder, trained, out)
    assert out.read_bytes().startswith(b"id,date,")
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert stat.S_IMODE(out.stat().st_mode) == 0o644


@pytest.mark.parametrize("failure", [RuntimeError("model"), OSError(28, "No space left on device")])
def test_a_run_that_fails_midway_leaves_the_older_file(
    demo_folder: Path,
    trained: Store,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    out.write_text("older\n", encoding="utf-8")
    lines = module._make_lines
    made = iter([False, True])

    def fails_the_second_time(*arguments: object) -> pl.DataFrame:
        if next(made):
            raise failure
        return lines(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_CHUNK_ROWS", 100)
    monkeypatch.setattr(module, "_make_lines", fails_the_second_time)
    expected = InputError if isinstance(failure, OSError) else RuntimeError
    with pytest.raises(expected, match="No space left" if expected is InputError else "model"):
        forecast_file(demo_folder, trained, out)
    assert out.read_text(encoding="utf-8") == "older\n"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        pytest.param("nowhere/forecast.csv", "nowhere: is not a folder", id="no such folder"),
        pytest.param("file/forecast.csv", "file: is not a folder", id="a file as folder"),
        pytest.param("folder", "folder: is not a file", id="a folder"),
    ],
)
def test_an_invalid_output_path_is_reported_before_anything_is_read(
    tmp_path: Path, trained: Store, place: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        forecast_file(tmp_path / "no tables", trained, tmp_path / place)


# --- memory -----------------------------------------------------------------------------------


def many_series(serving: LoadedRelease, stores: int, families: int) -> LoadedRelease:
    """Return an invented release of stores × families series with the real calibration."""
    names = [f"FAMILY {number}" for number in range(families)]
    hierarchy = Hierarchy(
        {
            "store_nbr": [str(store) for store in range(1, stores + 1) for _ in names],
            "family": names * stores,
        }
    )
    calibration = serving.engine.bundle.calibration
    assert calibration is not None
    engine = copy(serving.engine)
    bottoms = np.random.default_rng(1).lognormal(2, 1.5, (hierarchy.n_bottom, 16))
    # a broadcast view: all days share the memory of one
    sales = np.broadcast_to(np.ones((len(hierarchy), 1)), (len(hierarchy), engine.snapshot.n_days))
    engine.snapshot = replace(engine.snapshot, hierarchy=hierarchy, sales=sales)
    return LoadedRelease(
        engine=engine,
        intervals=Intervals(calibration, hierarchy),
        forecasts=Forecasts(mean=hierarchy.aggregate(bottoms), clipped=0),
    )


_CLEAR = Path("/proc/self/clear_refs")


def _peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not os.access(_CLEAR, os.W_OK), reason="the peak is reset by Linux alone")
def test_memory_does_not_grow_with_the_file(
    serving: LoadedRelease, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """28,512 series, 16 times those of the Favorita data.

    A part of the file has been written before the peak is taken, so that what grows from then on
    would grow with the file.
    """
    serving = many_series(serving, 864, 33)
    snapshot = serving.engine.snapshot
    lines = module._make_lines
    parts: list[int] = []

    def record_part(
        release: LoadedRelease, part: pl.DataFrame, labels: pl.DataFrame
    ) -> pl.DataFrame:
        parts.append(part.height)
        return lines(release, part, labels)

    monkeypatch.setattr(module, "_make_lines", record_part)
    write_rows(serving, module._request_days(snapshot, 2, first_id=0), out, levels=True)
    _CLEAR.write_text("5", encoding="ascii")  # resets the peak
    before = _peak_megabytes()
    rows = write_rows(serving, module._request_days(snapshot, 16, first_id=0), out, levels=True)
    grown = _peak_megabytes() - before
    assert rows == 16 * len(snapshot.hierarchy)
    assert out.stat().st_size > 50e6
    assert grown < 40
    assert max(parts) <= 50_000
    frame = pl.read_csv(out)
    sums = frame.group_by(pl.col("node").str.contains("/")).agg(pl.col("sales").sum())
    by_kind = dict(sums.iter_rows())
    assert by_kind[False] == pytest.approx(3 * by_kind[True], rel=1e-9)
