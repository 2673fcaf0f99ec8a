"""Tables in parts give the report and the snapshot that they give in one piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from config.outliers import OutlierPolicy
from features.data.build import build_snapshot
from features.data.findings import Report
from features.data.parts.memory import Memory
from features.data.parts.runner import HERE, PartRunner
from features.data.reading.layout import STANDARD
from features.data.screening.treatment import Screening
from features.data.tables import check_tables
from tests.support.shops import LAST, announce_series, write_shops
from tests.unit.features.data.reading.sheets import DAYS, FIRST, frames

TODAY = date(2024, 6, 1)
PARTS = (2, 5)
Frames = dict[str, pl.DataFrame]
DAY, STORE, FAMILY, SALES = (pl.col(name) for name in ("date", "store_nbr", "family", "sales"))
END = FIRST + timedelta(DAYS - 1)


def outcome(
    folder: Path,
    memory: Memory | None,
    scratch: Path,
    screening: Screening | None,
    runner: PartRunner = HERE,
) -> tuple[dict[str, Any], str | None]:
    """Return the report of tables, and the name of their snapshot; None with an error."""
    report = Report()
    tables = check_tables(
        *(folder, STANDARD, report),
        screening=screening,
        today=TODAY,
        memory=memory,
        runner=runner,
    )
    if tables is None:
        return report.to_dict(), None
    if memory is not None:
        assert tables.stored is not None, "the tables were read in one piece"
        assert len(tables.stored.parted.parts) > 1
    return report.to_dict(), build_snapshot(tables, scratch).name


def assert_equal(
    folder: Path,
    scratch: Path,
    *,
    screening: Screening | None = None,
    expected: str = "",
    numbers: Sequence[int] = PARTS,
    batch_rows: int = 37,
) -> str | None:
    """Compare tables in several parts with the same in one piece; return the snapshot's name.

    Args:
        expected: code of a finding that must be among those of the tables.
        numbers: of parts.
        batch_rows: rows that are read at once for two parts; more for more parts, so that the rows
            are cut at other places.
    """
    whole = outcome(folder, None, scratch / "1", screening)
    codes = {kind["code"] for kinds in whole[0].values() for kind in kinds}
    assert not expected or expected in codes, codes
    for parts in numbers:
        memory = Memory(limit=2**40, parts=parts, batch_rows=batch_rows * parts // 2)
        assert outcome(folder, memory, scratch / str(parts), screening) == whole, parts
    return whole[1]


def write(folder: Path, tables: Frames) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


def with_rows(frame: pl.DataFrame, *rows: dict[str, object]) -> pl.DataFrame:
    added = [frame.row(0, named=True) | row for row in rows]
    return pl.concat([frame, pl.DataFrame(added, schema=frame.schema)])


def alter(name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Frames], Frames]:
    return lambda tables: tables | {name: change(tables[name])}


def where(condition: pl.Expr, column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a change of one column of the rows of a condition."""
    chosen = pl.when(condition).then(pl.lit(value)).otherwise(pl.col(column))
    return lambda frame: frame.with_columns(chosen.alias(column))


def drop(condition: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.filter(~condition)


def repeat(condition: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: pl.concat([frame, frame.filter(condition)])


def as_text(column: str, value: str, *stores: int) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a change of a column to text, with another on every seventh row of some stores."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        chosen = STORE.cast(pl.Int64).is_in(stores) & (pl.int_range(pl.len()) % 7 == 4)
        text = pl.when(chosen).then(pl.lit(value)).otherwise(pl.col(column).cast(pl.String))
        return frame.with_columns(text.alias(column))

    return change


def both(
    *changes: Callable[[pl.DataFrame], pl.DataFrame],
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        for each in changes:
            frame = each(frame)
        return frame

    return change


def few_sales(frame: pl.DataFrame) -> pl.DataFrame:
    """Return sales of a new product on a few days in two stores, one far above the others."""
    days = [END - timedelta(number) for number in range(5)]
    rows = [
        {"store_nbr": store, "family": "NEW", "date": day, "sales": 40.0}
        for store in (1, 14)
        for day in days
    ]
    rows[-1]["sales"] = 60_000.0
    return with_rows(frame, *rows)


CASES: dict[str, tuple[Callable[[Frames], Frames], str]] = {
    "clean": (lambda tables: tables, ""),
    "repeated rows": (alter("train", repeat(FAMILY == "BREAD")), "repeated-row"),
    "a date beyond bounds": (
        alter(
            "train",
            both(
                *(where((s == STORE) & (DAY == FIRST), "date", date(9999, 1, 1)) for s in (1, 14))
            ),
        ),
        "date-span",
    ),
    "isolated days": (
        alter(
            "train",
            lambda f: with_rows(f, *({"date": date(2023, 1, s), "store_nbr": s} for s in (14, 1))),
        ),
        "date-span",
    ),
    "days after today": (
        alter("train", lambda f: f.with_columns(DAY + timedelta(130))),
        "future-rows",
    ),
    "days ahead years later": (
        alter(
            "test",
            lambda f: with_rows(
                f, *({"date": date(2025, 9, 1), "store_nbr": s, "id": s} for s in (14, 1))
            ),
        ),
        "",
    ),
    "days ahead that are past": (
        alter(
            "test",
            lambda f: with_rows(
                f, *({"date": FIRST, "store_nbr": s, "id": 90 + s} for s in (14, 1))
            ),
        ),
        "test-before-origin",
    ),
    "every fifth day": (alter("train", drop(DAY.dt.day() % 7 != 1)), ""),
    "a store that is not described": (
        alter("train", lambda f: with_rows(f, *({"store_nbr": s} for s in (77, 5)))),
        "unknown-store",
    ),
    "a misspelt series ahead": (
        alter(
            "test",
            lambda f: with_rows(
                f, *({"family": "BRAED", "store_nbr": s, "id": 90 + s} for s in (14, 1))
            ),
        ),
        "unknown-series",
    ),
    "new series ahead": (
        alter(
            "test",
            lambda f: with_rows(
                f, *({"family": "TOYS", "store_nbr": s, "id": 90 + s} for s in (14, 1))
            ),
        ),
        "new-series",
    ),
    "similar names": (
        alter(
            "train",
            lambda f: pl.concat(
                [f, f.filter(STORE == 2, FAMILY == "BREAD").with_columns(family=pl.lit("Bread"))]
            ),
        ),
        "similar-names",
    ),
    "outliers of two series": (
        alter("train", where((STORE != 2) & (FAMILY == "BREAD") & (DAY == END), "sales", 90_000.0)),
        "outlier",
    ),
    "an outlier among few sales of a product": (alter("train", few_sales), "outlier"),
    "an outlier of a product with few values": (
        alter(
            "train",
            lambda f: with_rows(
                f,
                *(
                    {"store_nbr": store, "family": "NEW", "date": END, "sales": units}
                    for store, units in ((1, 40.0), (14, 60_000.0))
                ),
            ),
        ),
        "outlier",
    ),
    "many sales of a product in one store, and few in another": (
        alter(
            "train",
            lambda f: with_rows(
                f,
                *(
                    {
                        "store_nbr": store,
                        "family": "NEW",
                        "date": END - timedelta(number),
                        "sales": 60_000.0,
                    }
                    for store, count in ((1, 3), (14, 10))
                    for number in range(count)
                ),
            ),
        ),
        "",
    ),
    "a day on which one store sells": (
        alter("train", where((STORE != 14) & (date(2024, 1, 20) == DAY), "sales", 0.0)),
        "",
    ),
    "outliers of counts": (
        alter(
            "train", where((STORE != 2) & (FAMILY == "BREAD") & (DAY == END), "onpromotion", 90_000)
        ),
        "outlier",
    ),
    "outliers of counts ahead": (
        alter("test", where((STORE == 14) & (FAMILY == "BREAD"), "onpromotion", 90_000)),
        "",
    ),
    "a store that is late": (
        alter("train", drop((STORE == 2) & (END - timedelta(2) < DAY))),
        "undelivered",
    ),
    "a series that is late": (
        alter("train", drop((STORE == 14) & (FAMILY == "BREAD") & (END - timedelta(2) < DAY))),
        "undelivered",
    ),
    "a gap of a store": (
        alter("train", drop((STORE == 2) & (date(2024, 1, 20) == DAY))),
        "gap-store",
    ),
    "a gap of all stores": (alter("train", drop(date(2024, 1, 20) == DAY)), "gap-retailer"),
    "gaps of series": (
        alter("train", drop((STORE != 2) & (FAMILY == "BREAD") & DAY.dt.day().is_in([20, 22]))),
        "gap-series",
    ),
    "unusual sales": (
        alter(
            "train",
            both(
                *(
                    where(
                        (s == STORE) & (FAMILY == "BREAD") & (date(2024, 1, 20) == DAY),
                        "sales",
                        700.0 + s,
                    )
                    for s in (1, 14)
                )
            ),
        ),
        "unusual-sales",
    ),
    "a store without days ahead": (alter("test", drop(STORE == 2)), "test-partial"),
    "no days ahead": (lambda tables: {n: t for n, t in tables.items() if n != "test"}, ""),
    "a store without transactions": (
        alter("transactions", drop(STORE == 2)),
        "no-transactions",
    ),
    "wrong numbers of two stores": (
        alter("train", both(as_text("sales", "?", 1, 14), as_text("onpromotion", "", 2))),
        "number",
    ),
    "leading zeros in the first rows": (
        alter(
            "train",
            lambda f: f.with_columns(
                store_nbr=pl.when(pl.int_range(pl.len()) < 40)
                .then(pl.lit("0"))
                .otherwise(pl.lit(""))
                + STORE.cast(pl.String)
            ),
        ),
        "leading-zeros",
    ),
    "a label with a zero fraction": (
        alter(
            "train",
            lambda f: f.with_columns(
                family=pl.when(pl.int_range(pl.len()) < 200)
                .then(pl.lit("3.0"))
                .otherwise(pl.lit("X"))
            ).unique(["date", "store_nbr"], keep="first", maintain_order=True),
        ),
        "",
    ),
    "a header in capitals": (alter("train", lambda f: f.rename({"sales": "SALES"})), "header-name"),
    "a column of the wrong kind": (
        alter("train", lambda f: f.with_columns(sales=pl.lit([1.0]))),
        "column-kind",
    ),
    "a column that is missing": (alter("train", lambda f: f.drop("sales")), "column-missing"),
}


@pytest.mark.parametrize(("change", "expected"), CASES.values(), ids=CASES)
def test_parts_give_the_same_report_and_snapshot(
    tmp_path: Path, change: Callable[[Frames], Frames], expected: str
) -> None:
    folder = write(tmp_path / "tables", change(frames()))
    assert_equal(folder, tmp_path, expected=expected, screening=Screening())


def test_a_table_that_is_sorted_by_store_or_split_into_files_gives_the_same(tmp_path: Path) -> None:
    tables = frames()
    train = tables.pop("train")
    bad = train.with_columns(sales=pl.when(DAY == END).then(pl.lit(90_000.0)).otherwise(SALES))
    folder = write(tmp_path / "tables", tables)
    for (store,), rows in bad.partition_by("store_nbr", as_dict=True).items():
        path = folder / "train" / f"store_nbr={store}"
        path.mkdir(parents=True)
        rows.drop("store_nbr").write_parquet(path / "a.parquet")
    assert_equal(folder, tmp_path, expected="outlier")


def shops(folder: Path, *changes: Callable[[Path], object]) -> Path:
    """Write the tables of shops as Parquet, and change them."""
    write_shops(folder)
    for change in changes:
        change(folder)
    for name in ("sales", "future"):
        pl.read_csv(folder / f"{name}.csv", try_parse_dates=True).write_parquet(
            folder / f"{name}.parquet"
        )
        (folder / f"{name}.csv").unlink()
    return folder


def state(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "retailer.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def sales_of(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    def write_changed(folder: Path) -> None:
        path = folder / "sales.csv"
        change(pl.read_csv(path, try_parse_dates=True)).write_csv(path)

    return write_changed


SHOP, TAG = pl.col("shop"), pl.col("Tag")
WITHOUT_FLAG = state("open: offen\n", "ignore: [offen]\n")
LONG_SHUT = sales_of(
    drop((SHOP == "B1") & TAG.is_between(LAST - timedelta(200), LAST - timedelta(150)))
)
SHOPS: dict[str, list[Callable[[Path], object]]] = {
    "closed days": [],
    "announced series": [announce_series],
    "a long shut": [WITHOUT_FLAG, LONG_SHUT],
    "days without a row are not known": [
        state("open: offen\n", "ignore: [offen]\nmissing: unknown\n"),
        LONG_SHUT,
    ],
    "days without a row are closed": [
        state("open: offen\n", "ignore: [offen]\nmissing: closed\n"),
        LONG_SHUT,
    ],
    "returns taken off": [
        state("expect:", "returns: net\nexpect:"),
        sales_of(where((SHOP == "A1") & (LAST - timedelta(30) == TAG), "Menge", -50)),
    ],
    "a key called series": [
        lambda folder: [
            path.write_text(path.read_text(encoding="utf-8").replace("department", "series"))
            for path in (*folder.glob("*.csv"), folder / "retailer.yaml")
        ],
        lambda folder: (
            pl.read_parquet(folder / "prices.parquet")
            .rename({"department": "series"})
            .write_parquet(folder / "prices.parquet")
        ),
    ],
    "a column called rows": [sales_of(lambda f: f.rename({"visitors": "rows"}))],
    "an attribute of the sales": [
        sales_of(
            lambda f: f.with_columns(
                size=pl.when(SHOP == "7").then(pl.lit("small")).otherwise(pl.lit("large"))
            )
        ),
    ],
    "weeks": [
        WITHOUT_FLAG,
        state(
            "calendar: {country: DE, region: land, holidays: anlass.csv}\n",
            "calendar: {country: DE}\nstep: week\nweek_date: last\nhorizon: 4\n",
        ),
        lambda folder: [
            pl.read_csv(folder / f"{name}.csv", try_parse_dates=True)
            .filter(TAG.dt.weekday() == 6)
            .write_csv(folder / f"{name}.csv")
            for name in ("sales", "future")
        ],
        lambda folder: (folder / "anlass.csv").unlink(),
    ],
}


@pytest.mark.parametrize("changes", SHOPS.values(), ids=SHOPS)
def test_parts_of_shops_give_the_same_snapshot(
    tmp_path: Path, changes: list[Callable[[Path], object]]
) -> None:
    folder = shops(tmp_path / "tables", *changes)
    assert assert_equal(folder, tmp_path, screening=Screening(), batch_rows=700), "not usable"


@pytest.mark.parametrize("policy", OutlierPolicy, ids=str)
def test_parts_give_the_same_screening(
    tmp_path: Path, demo_folder: Path, policy: OutlierPolicy
) -> None:
    tables = {path.stem: pl.read_parquet(path) for path in demo_folder.glob("*.parquet")}
    last = tables["train"]["date"].max()
    assert isinstance(last, date)
    new = last - timedelta(3) < DAY
    changes = (
        where(new & (STORE == 3) & (FAMILY == "DAIRY"), "sales", 4_000.0),
        where(new & (STORE == 1) & (FAMILY == "DAIRY"), "onpromotion", 900),
        lambda frame: frame.with_columns(
            pl.when(new & (STORE == 2)).then(SALES / 10).otherwise(SALES).alias("sales")
        ),
    )
    for change in changes:
        tables["train"] = change(tables["train"])
    folder = write(tmp_path / "tables", tables)
    screening = Screening(policy, served=last - timedelta(14))
    assert_equal(
        *(folder, tmp_path), screening=screening, expected="spike", numbers=[3], batch_rows=5_000
    )
    if policy is OutlierPolicy.REFUSE:
        return
    first = check_tables(folder, STANDARD, Report(), screening=screening)
    assert first is not None
    recorded = tuple(replace(each, replaced=True) for each in first.outliers)
    assert recorded
    later = Screening(OutlierPolicy.QUARANTINE, served=last, recorded=recorded)
    assert_equal(folder, tmp_path / "later", screening=later, numbers=[2], batch_rows=5_000)
