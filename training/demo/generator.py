"""Demo data: an invented retailer in an invented country, in the schema of the Favorita tables.

The data contain an effect for every feature of the product: seasons, paydays, promotions that raise
sales, transferred holidays, stores that open late or close for a while, series that hardly or never
sell. Only oil is unrelated to sales. The span is fixed, so the data do not depend on today.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from errors import InputError
from features.data.calendar import (
    EVENT,
    LOCAL,
    NATIONAL,
    REGIONAL,
    WORK_DAY,
    Calendar,
    Holiday,
    Place,
    build_calendar,
)
from features.data.reading.schema import SCHEMAS
from features.data.tables import Tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED = 20210101
FIRST = date(2021, 1, 1)
LAST = date(2024, 6, 30)
"""Last day of train."""
PLANNED_DAYS = 16
"""Days of test, which follow train."""

_YEAR_DAYS = 365.25
_COUNTRY = "Orvenia"
_THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 3, 4, 5, 6


@dataclass(frozen=True)
class _Store:
    """A store; `size` multiplies the sales of every family, `closed` holds first and last day."""

    number: int
    city: str
    state: str
    type: str
    cluster: int
    size: float
    opened: date = FIRST
    closed: tuple[date, date] | None = None


@dataclass(frozen=True)
class _Season:
    """A time of year with higher (or lower) sales: `factor` at its peak.

    Attributes:
        peak: day of the year.
        width: in days, as of a bell; None for a wave over the whole year.
    """

    factor: float
    peak: int
    width: float | None = None


@dataclass(frozen=True)
class _Promotion:
    """A family's promotions.

    Attributes:
        items: on a day of promotions in a store of size 1, on average; far fewer on others.
        weekdays: of those days, Monday 0.
        response: exponent of (1 + items) in the sales.
    """

    items: float = 0.0
    weekdays: tuple[int, ...] = ()
    response: float = 0.0


@dataclass(frozen=True)
class _Family:
    """Sales of a family and the effects on them.

    Attributes:
        units: per day in a store of size 1, at the beginning.
        growth: per year, as a share.
        weekend: factor of Saturday and Sunday; Friday takes its square root.
        payday: factor of payday; its exponent halves every two days after it.
        day_off: factor of a day off.
        dispersion: variance of the noise over the squared mean, in addition to Poisson noise.
        weighed: sold by weight, with three decimals.
        started: first day of sales.
    """

    name: str
    units: float
    growth: float
    weekend: float
    payday: float
    day_off: float
    dispersion: float
    season: _Season
    promotion: _Promotion = _Promotion()
    weighed: bool = False
    started: date = FIRST


# in the order of the real rows: stores as text, then families
_STORES = (
    _Store(1, "Alderquay", "Norfell", "A", 1, 1.3),
    _Store(10, "Caldmoor", "Ostavale", "B", 2, 1.1),
    _Store(11, "Caldmoor", "Ostavale", "D", 3, 0.8, opened=date(2022, 5, 16)),
    _Store(2, "Alderquay", "Norfell", "D", 3, 0.6),
    _Store(21, "Fernhollow", "Sudmere", "E", 4, 0.5, opened=date(2024, 5, 2)),
    _Store(3, "Brisvale", "Norfell", "C", 3, 0.9, closed=(date(2023, 3, 6), date(2023, 4, 16))),
)
_SCHOOL = "SCHOOL AND OFFICE SUPPLIES"
_FAMILIES = (
    _Family(
        "BABY CARE",
        units=1.2,
        growth=0.02,
        weekend=1.2,
        payday=1.2,
        day_off=0.9,
        dispersion=0.8,
        season=_Season(1.1, peak=60),
        promotion=_Promotion(0.3, weekdays=(2,), response=0.2),
    ),
    _Family(
        "BEVERAGES",
        units=900,
        growth=0.10,
        weekend=1.35,
        payday=1.25,
        day_off=1.25,
        dispersion=0.008,
        season=_Season(1.15, peak=355, width=12),
        promotion=_Promotion(24, weekdays=(4, 5, 6), response=0.1),
    ),
    _Family(
        "BOOKS",
        units=0.7,
        growth=-0.05,
        weekend=1.4,
        payday=1.1,
        day_off=0.8,
        dispersion=1.0,
        season=_Season(1.8, peak=350, width=15),
    ),
    _Family(
        "DAIRY",
        units=380,
        growth=0.05,
        weekend=1.25,
        payday=1.15,
        day_off=1.05,
        dispersion=0.008,
        season=_Season(1.05, peak=200),
        promotion=_Promotion(12, weekdays=(2,), response=0.12),
    ),
    _Family(
        "GROCERY I",
        units=1500,
        growth=0.06,
        weekend=1.4,
        payday=1.3,
        day_off=1.15,
        dispersion=0.006,
        season=_Season(1.25, peak=357, width=10),
        promotion=_Promotion(40, weekdays=(3, 4, 5), response=0.1),
    ),
    _Family(
        "LIQUOR,WINE,BEER",
        units=45,
        growth=0.08,
        weekend=1.7,
        payday=1.4,
        day_off=1.7,
        dispersion=0.05,
        season=_Season(2.2, peak=360, width=9),
        promotion=_Promotion(5, weekdays=(4, 5), response=0.2),
    ),
    _Family(
        "PRODUCE",
        units=700,
        growth=0.09,
        weekend=1.2,
        payday=1.15,
        day_off=1.05,
        dispersion=0.015,
        season=_Season(1.1, peak=30),
        promotion=_Promotion(10, weekdays=(1, 2), response=0.15),
        weighed=True,
        started=date(2021, 6, 1),
    ),
    _Family(
        _SCHOOL,
        units=5,
        growth=0.03,
        weekend=0.9,
        payday=1.1,
        day_off=0.6,
        dispersion=0.3,
        season=_Season(12, peak=240, width=14),
        promotion=_Promotion(2, weekdays=(0, 3), response=0.25),
    ),
)
_SCHOOL_PEAKS = {"Ostavale": 110}
"""Day of the year of the school season, where it is not the family's."""
_SHARES = {(3, "BOOKS"): 0.0, (2, "BABY CARE"): 0.05, (10, "BABY CARE"): 0.03}
"""Series that sell next to nothing, or never."""

_EVENT_FACTORS = {"Black Friday": 1.6, "Mother's Day": 1.3}
_EVE_FACTOR = 1.12
_WORK_DAY_FACTOR = 0.7
_LOCAL_DAY_OFF_EXPONENT = 0.7
_NEW_YEAR_STORE = 1
"""The only store that opens on 1 January."""
_NEW_YEAR_FACTOR = 0.05
_PROMOTED_WEEKS = 0.75
_PROMOTION_RISE = (0.4, 1.6)
_OTHER_WEEKDAYS = 0.1
_SHOCK_DECAY, _SHOCK_SIZE = 0.8, 0.03
_TASTE_SIZE = 0.15
_UNITS_PER_BASKET, _BASKET_NOISE = 4.5, 0.03
_OIL_START, _OIL_STEP, _OIL_NULLS = 52.0, 0.012, 0.03


def write_demo(folder: Path, *, seed: int = SEED, csv: bool = False) -> Path:
    """Write the demo tables into `folder`, as Parquet or CSV files, and return it.

    The same seed writes the same bytes. Files of those names are replaced.

    Raises:
        InputError: the folder holds one of the tables in the other format, or cannot be written.
    """
    suffix, other = (".csv", ".parquet") if csv else (".parquet", ".csv")
    for name in SCHEMAS:
        if (path := folder / f"{name}{other}").exists():
            raise InputError(
                f"{path} is there already, and a table is read from one file; name another folder"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in _make_frames(seed).items():
            path = folder / f"{name}{suffix}"
            frame.write_csv(path) if csv else frame.write_parquet(path)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from None
    return folder


def demo_tables(*, seed: int = SEED) -> Tables:
    """Return the demo tables as `features.data.tables.read_tables` reads them; writes nothing."""
    frames = _make_frames(seed)
    return Tables.of_frames(
        {
            name: frames[name].select(pl.col(column.name).cast(column.dtype) for column in columns)
            for name, columns in SCHEMAS.items()
        }
    )


def _make_frames(seed: int) -> dict[str, pl.DataFrame]:
    """Generate the tables with the columns, dtypes and row order of the real ones."""
    draw = np.random.default_rng(seed)
    n_train = (LAST - FIRST).days + 1
    dates = np.datetime64(FIRST) + np.arange(n_train + PLANNED_DAYS)
    holidays = _make_holidays(range(FIRST.year, LAST.year + 1))
    places = [Place(city=store.city, state=store.state) for store in _STORES]
    calendar = build_calendar(dates, holidays, places)
    trading = _mark_trading(dates)
    items = _draw_promotions(calendar, trading, draw)
    units = _draw_units(_compute_means(calendar, trading, items, draw), draw)
    traffic = _draw_traffic(units, draw)

    train = np.flatnonzero(_format_month_day(dates[:n_train]) != "12-25")  # closed: no rows
    test = np.arange(n_train, len(dates))
    rows = _make_rows(dates[train], sales=units[train], onpromotion=items[train])
    planned = _make_rows(dates[test], onpromotion=items[test])
    return {
        "train": rows.with_row_index("id").cast({"id": pl.Int64}),
        "test": planned.with_row_index("id", offset=rows.height).cast({"id": pl.Int64}),
        "stores": _make_stores(),
        "oil": _draw_oil(dates, draw),
        "holidays_events": pl.DataFrame([holiday.model_dump() for holiday in holidays]),
        "transactions": _make_transactions(dates[:n_train], traffic[:n_train]),
    }


def _format_month_day(dates: NDArray[np.datetime64]) -> NDArray[np.str_]:
    """Return ``MM-DD`` of each date."""
    return np.array([str(day)[5:] for day in dates])


def _mark_trading(dates: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Mark days on which a store is open and sells a family; (days, stores, families)."""
    month_day = _format_month_day(dates)
    open_ = np.empty((len(dates), len(_STORES)), dtype=np.bool_)
    for column, store in enumerate(_STORES):
        open_[:, column] = (dates >= np.datetime64(store.opened)) & (month_day != "12-25")
        if store.closed is not None:
            first, last = map(np.datetime64, store.closed)
            open_[(dates >= first) & (dates <= last), column] = False
        if store.number != _NEW_YEAR_STORE:
            open_[month_day == "01-01", column] = False
    started = np.array([family.started for family in _FAMILIES], dtype="datetime64[D]")
    return open_[:, :, None] & (dates[:, None] >= started)[:, None, :]


def _draw_promotions(
    calendar: Calendar, trading: NDArray[np.bool_], draw: np.random.Generator
) -> Ints:
    """Draw items on promotion; shape (days, stores, families).

    Whether a family has promotions in a week is drawn once for the whole chain.
    """
    days = len(calendar.dates)
    week = np.cumsum(calendar.weekday == 0)
    on = draw.random((week[-1] + 1, len(_FAMILIES))) < _PROMOTED_WEEKS
    rhythm = np.array(
        [[weekday in family.promotion.weekdays for family in _FAMILIES] for weekday in range(7)]
    )
    planned = np.where(on[week] & rhythm[calendar.weekday], 1.0, _OTHER_WEEKDAYS)
    rate = planned * [family.promotion.items for family in _FAMILIES]
    rate *= np.linspace(*_PROMOTION_RISE, days)[:, None]
    size = np.array([store.size for store in _STORES])
    items: Ints = draw.poisson(rate[:, None, :] * size[:, None]) * trading
    return items


def _compute_means(
    calendar: Calendar, trading: NDArray[np.bool_], items: Ints, draw: np.random.Generator
) -> Floats:
    """Compute mean units; shape (days, stores, families)."""
    days = len(calendar.dates)
    taste = np.exp(_TASTE_SIZE * draw.standard_normal((len(_STORES), len(_FAMILIES))))
    store_shocks = _draw_shocks(days, len(_STORES), draw)
    family_shocks = _draw_shocks(days, len(_FAMILIES), draw)
    mean = np.empty(trading.shape)
    for row, store in enumerate(_STORES):
        for column, family in enumerate(_FAMILIES):
            share = _SHARES.get((store.number, family.name), 1.0)
            level = family.units * store.size * taste[row, column] * share
            shocks = np.exp(store_shocks[:, row] + family_shocks[:, column])
            known = _compute_factors(calendar, row, family) * _compute_season(
                calendar, store, family
            )
            promoted = (1.0 + items[:, row, column]) ** family.promotion.response
            mean[:, row, column] = level * known * promoted * shocks
    return mean * trading


def _compute_season(calendar: Calendar, store: _Store, family: _Family) -> Floats:
    """Compute the factor of the time of year, shape (days,)."""
    season = family.season
    peak = _SCHOOL_PEAKS.get(store.state, season.peak) if family.name == _SCHOOL else season.peak
    past_peak = calendar.day["day_of_year"].astype(np.float64) - peak
    if season.width is None:
        height = (1 + np.cos(2 * np.pi * past_peak / _YEAR_DAYS)) / 2
    else:
        distance = (past_peak + _YEAR_DAYS / 2) % _YEAR_DAYS - _YEAR_DAYS / 2
        height = np.exp(-((distance / season.width) ** 2) / 2)
    factor: Floats = 1 + (season.factor - 1) * height
    return factor


def _compute_factors(calendar: Calendar, row: int, family: _Family) -> Floats:
    """Compute the factor of growth, weekday, payday and holidays in a store, shape (days,)."""
    day = {name: values.astype(np.float64) for name, values in calendar.day.items()}
    weekend = np.array([1, 1, 1, 1, family.weekend**0.5, family.weekend, family.weekend])
    factor = (1 + family.growth) ** (np.arange(len(calendar.dates)) / _YEAR_DAYS)
    factor *= weekend[calendar.weekday]
    factor *= family.payday ** (0.5 ** (day["days_since_payday"] / 2))
    local_day_off = calendar.site["local_day_off"][row] * _LOCAL_DAY_OFF_EXPONENT
    factor *= family.day_off ** np.maximum(day["national_day_off"], local_day_off)
    factor *= np.where(day["days_to_day_off"] == 1, _EVE_FACTOR, 1.0)
    factor *= np.where(day["work_day"] > 0, _WORK_DAY_FACTOR, 1.0)
    for name, event in _EVENT_FACTORS.items():
        factor *= np.where(calendar.names == name, event, 1.0)
    # on 1 January most stores are closed (`_mark_trading`) and the others sell little
    factor *= np.where(day["day_of_year"] == 1, _NEW_YEAR_FACTOR, 1.0)
    return factor


def _draw_shocks(days: int, columns: int, draw: np.random.Generator) -> Floats:
    """Draw autoregressive noise of the log of sales; shape (days, columns)."""
    noise = draw.normal(0, _SHOCK_SIZE, (days, columns))
    for day in range(1, days):
        noise[day] += _SHOCK_DECAY * noise[day - 1]
    return noise


def _draw_units(mean: Floats, draw: np.random.Generator) -> Floats:
    """Draw sales, shape (days, stores, families): whole units, or a weight with three decimals.

    A Poisson draw of a gamma-distributed mean is negative binomial: mostly zeros for a small mean.
    """
    units = np.empty_like(mean)
    for column, family in enumerate(_FAMILIES):
        shape = 1 / family.dispersion
        level = mean[:, :, column] * draw.gamma(shape, 1 / shape, mean.shape[:2])
        units[:, :, column] = np.round(level, 3) if family.weighed else draw.poisson(level)
    return units


def _draw_traffic(units: Floats, draw: np.random.Generator) -> Ints:
    """Draw transactions, shape (days, stores)."""
    baskets: Floats = units.sum(axis=2) / _UNITS_PER_BASKET
    traffic = np.ceil(baskets * draw.normal(1, _BASKET_NOISE, baskets.shape))
    return traffic.astype(np.int64)


def _make_rows(dates: NDArray[np.datetime64], **values: NDArray[np.generic]) -> pl.DataFrame:
    """Return arrays of shape (dates, stores, families) as rows by date, store and family."""
    each = len(_STORES) * len(_FAMILIES)
    families = pl.Series([family.name for family in _FAMILIES] * len(_STORES) * len(dates))
    keys = {
        "date": np.repeat(dates, each),
        "store_nbr": np.tile(np.repeat(_list_numbers(), len(_FAMILIES)), len(dates)),
        "family": families,
    }
    return pl.DataFrame(keys | {name: array.ravel() for name, array in values.items()})


def _list_numbers() -> Ints:
    return np.array([store.number for store in _STORES], dtype=np.int64)


def _make_stores() -> pl.DataFrame:
    columns = ("city", "state", "type", "cluster")
    rows = [
        {"store_nbr": store.number} | {column: getattr(store, column) for column in columns}
        for store in _STORES
    ]
    return pl.DataFrame(rows).sort("store_nbr")


def _make_transactions(dates: NDArray[np.datetime64], traffic: Ints) -> pl.DataFrame:
    """Return the rows of the days on which a store was open."""
    frame = pl.DataFrame(
        {
            "date": np.repeat(dates, len(_STORES)),
            "store_nbr": np.tile(_list_numbers(), len(dates)),
            "transactions": traffic.ravel(),
        }
    )
    return frame.filter(pl.col("transactions") > 0).sort("date", "store_nbr")


def _draw_oil(dates: NDArray[np.datetime64], draw: np.random.Generator) -> pl.DataFrame:
    """Draw a random walk on working days, null on the first and some others."""
    working = dates[np.is_busday(dates)]
    price = _OIL_START * np.exp(np.cumsum(draw.normal(0, _OIL_STEP, len(working))))
    known = draw.random(len(working)) >= _OIL_NULLS
    known[0] = False
    frame = pl.DataFrame({"date": working, "dcoilwtico": price.round(2), "known": known})
    return frame.select("date", pl.when("known").then("dcoilwtico"))


def _make_holidays(years: Iterable[int]) -> list[Holiday]:
    """Return the holidays by date, for whole years, so beyond the last day of train."""
    holidays: list[Holiday] = []

    def add(
        day: date,
        description: str,
        kind: str = "Holiday",
        locale: str = NATIONAL,
        place: str = _COUNTRY,
        *,
        transferred: bool = False,
    ) -> None:
        holidays.append(
            Holiday(
                date=day,
                type=kind,
                locale=locale,
                locale_name=place,
                description=description,
                transferred=transferred,
            )
        )

    def move(day: date, name: str) -> None:
        """Add a holiday, transferred to the Friday if it is from Tuesday to Thursday."""
        moved = day.weekday() in (1, 2, 3)
        add(day, name, transferred=moved)
        if moved:
            add(day + timedelta(_FRIDAY - day.weekday()), f"Traslado {name}", "Transfer")

    def bridge(day: date, name: str) -> None:
        """Add a holiday, with a bridge day to the weekend and its make-up working day."""
        add(day, name)
        if (step := {1: -1, 3: 1}.get(day.weekday())) is not None:
            off = day + timedelta(step)
            add(off, f"Puente {name}", "Bridge")
            work = off + timedelta((_SATURDAY - off.weekday()) % 7 + (7 if step > 0 else 0))
            add(work, f"Recupero Puente {name}", WORK_DAY)

    for year in years:
        add(date(year, 1, 1), "Year's First Day")
        add(date(year, 4, 1), "Norfell Day", locale=REGIONAL, place="Norfell")
        add(date(year, 4, 12), "Caldmoor Fair", locale=LOCAL, place="Caldmoor")
        add(date(year, 5, 1), "Spring Day")
        mothers_day = _find_nth_weekday(year, 5, weekday=_SUNDAY, number=2)
        add(mothers_day - timedelta(1), "Mother's Day-1", EVENT)
        add(mothers_day, "Mother's Day", EVENT)
        move(date(year, 5, 24), "Founders' Day")
        add(date(year, 6, 25), "Sudmere Day", locale=REGIONAL, place="Sudmere")
        add(date(year, 7, 8), "Fernhollow Fair", locale=LOCAL, place="Fernhollow")
        bridge(date(year, 7, 11), "Lantern Day")
        move(date(year, 8, 8), "Charter Day")
        add(date(year, 9, 17), "Alderquay Regatta", locale=LOCAL, place="Alderquay")
        add(date(year, 9, 28), "Brisvale Fair", locale=LOCAL, place="Brisvale")
        move(date(year, 10, 9), "Harvest Day")
        bridge(date(year, 11, 3), "Republic Day")
        add(date(year, 11, 6), "Ostavale Day", locale=REGIONAL, place="Ostavale")
        black_friday = _find_nth_weekday(year, 11, weekday=_THURSDAY, number=4) + timedelta(1)
        add(black_friday, "Black Friday", EVENT)
        add(date(year, 12, 23), "Midwinter Day-2", "Additional")
        add(date(year, 12, 24), "Midwinter Day-1", "Additional")
        add(date(year, 12, 25), "Midwinter Day")
        add(date(year, 12, 26), "Midwinter Day+1", "Additional")
        add(date(year, 12, 31), "Year's First Day-1", "Additional")
    return sorted(holidays, key=lambda holiday: (holiday.date, holiday.locale_name))


def _find_nth_weekday(year: int, month: int, *, weekday: int, number: int) -> date:
    """Return the first, second, … of a weekday in a month."""
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (number - 1))
