"""Describes what was understood of a retailer's tables, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
import yaml

from features.data.building.whole import build_hierarchy
from features.data.specification import Covariate, Kind, Returns, Specification
from features.data.step import Step
from features.data.tables import CheckedTables

_RETURNS = {
    Returns.CLIP: "negative sales are read as 0 (returns: clip)",
    Returns.NET: "negative sales are taken off the sales before them (returns: net)",
}
_KINDS = {
    Kind.COUNT: "count, adds up",
    Kind.FLAG: "flag",
    Kind.NUMBER: "number, averaged",
    Kind.PRICE: "price, read as a logarithm",
}


def describe(tables: CheckedTables) -> Iterator[tuple[str, str]]:
    """Yield what was understood of tables: a topic and a text each."""
    specification, sales = tables.specification, tables.train
    first, last = sales["date"].min(), sales["date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    step = specification.step
    days = (last - first).days // step.days + 1
    hierarchy = build_hierarchy(tables)
    yield "series", f"{hierarchy.n_bottom:,}, named by {', '.join(specification.series)}"
    title = specification.columns.get("sales", "sales")
    yield (
        "sales",
        f"{title} in {specification.sales}: {tables.n_rows:,} rows, {first} to {last} ({days:,} "
        f"{step}s)",
    )
    yield "step", _describe_step(specification)
    yield "gaps", _describe_gaps(tables, days)
    if specification.returns is not Returns.REFUSE:
        yield "returns", _RETURNS[specification.returns]
    if tables.test is not None:
        reached = tables.test["date"].max()
        assert isinstance(reached, date)
        ahead = (reached - last).days // step.days
        yield "days ahead", f"{specification.future}: to {reached} ({ahead} {step}s ahead)"
    yield (
        "levels",
        " · ".join(
            f"{rows.stop - rows.start:,} {level}" for level, rows in hierarchy.slices.items()
        ),
    )
    for attribute in specification.attributes:
        number = ", ordered by number" if attribute.ordered else ""
        text = f"{attribute.name} of {', '.join(attribute.by)}, from {attribute.table}{number}"
        yield "attribute", text
    for covariate in specification.covariates:
        yield "covariate", _describe_covariate(covariate)
    yield "holidays", _describe_holidays(tables)
    yield "history", _describe_history(days / step.year)
    for name, why in tables.unused.items():
        yield "not read", f"{name}: {why}"


def _describe_step(specification: Specification) -> str:
    step, horizon = specification.step, specification.horizon
    text = f"{step}; {horizon} {step}s are forecast"
    if step is Step.DAY:
        return text
    return f"{text}; a date names the {specification.week_date} day of its week"


def _describe_gaps(tables: CheckedTables, days: int) -> str:
    specification = tables.specification
    length = (pl.col("_last") - pl.col("_first")).dt.total_days()
    spans = tables.series.with_columns(span=length // specification.step.days + 1)
    absent = int((spans["span"] - spans["_rows"].cast(pl.Int64)).sum())
    late, steps = int((spans["span"] < days).sum()), f"{specification.step}s"
    meaning = {
        "zero": f"{steps} without sales",
        "unknown": f"{steps} of which nothing is known",
        "closed": f"{steps} on which the series was closed",
    }[specification.missing]
    return (
        f"{absent:,} {steps} without a row between the first and the last of their series: taken "
        f"for {meaning} (missing: {specification.missing}); {late:,} series begin late or end early"
    )


def _describe_covariate(covariate: Covariate) -> str:
    ahead = "known ahead" if covariate.known_ahead else "history only"
    by = f"by {', '.join(covariate.by)}" if covariate.by else "the same everywhere"
    used = "" if covariate.used else "; the model does not read it"
    return (
        f"{covariate.name}: {_KINDS[covariate.kind]}, {ahead}, {by}, from {covariate.table}{used}"
    )


def _describe_holidays(tables: CheckedTables) -> str:
    sources = tables.specification.holidays
    parts = [
        f"the public ones of {sources.country}" if sources.country else "",
        sources.events or sources.table or "",
    ]
    rows = tables.holidays_events.height
    return f"{rows:,} from {' and '.join(filter(None, parts))}" if any(parts) else "none"


def _describe_history(years: float) -> str:
    text = f"{years:.1f} years"
    if years < 1:
        return f"{text}: too short to learn a yearly season; forecasts follow the last weeks"
    if years < 2:
        return f"{text}: the yearly season was seen once"
    return f"{text}: the yearly season can be learnt"


def as_yaml(specification: Specification, ignore: Sequence[str] = ()) -> str:
    """Return a whole ``retailer.yaml`` of a specification.

    Args:
        ignore: columns and tables that are not read, which a specification does not hold.
    """
    titles = specification.columns
    document: dict[str, Any] = {
        "series": list(specification.series),
        "target": titles.get("sales", "sales"),
        "step": str(specification.step),
        **({"week_date": str(specification.week_date)} if specification.step is Step.WEEK else {}),
        "horizon": specification.horizon,
        "levels": [
            columns[0] if len(columns) == 1 else list(columns)
            for level in specification.between
            for columns in (specification.columns_of_level[level],)
        ],
        "missing": str(specification.missing),
        "returns": str(specification.returns),
        "expect": str(specification.expect),
        "fallback": specification.fallback,
    }
    if "date" in titles:
        document["columns"] = {"date": titles["date"]}
    if specification.open:
        document["open"] = specification.open
    if calendar := _calendar_document(specification):
        document["calendar"] = calendar
    covariates: dict[str, Mapping[str, Any]] = {}
    for covariate in specification.covariates:
        if covariate.table == specification.holidays.events:
            continue
        if covariate.value is None:
            covariates[covariate.source] = _covariate_document(covariate)
        elif not covariate.used:  # flags of a text, which has no kind to state
            covariates[covariate.source] = {"use": False}
    if covariates:
        document["covariates"] = covariates
    if specification.labels:
        document["labels"] = specification.labels
    if ignore:
        document["ignore"] = list(ignore)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _calendar_document(specification: Specification) -> Mapping[str, str]:
    sources = specification.holidays
    entries = {
        "country": sources.country,
        "region": sources.regional,
        "holidays": f"{sources.events}.csv" if sources.events else None,
    }
    return {name: value for name, value in entries.items() if value is not None}


def _covariate_document(covariate: Covariate) -> Mapping[str, Any]:
    if covariate.kind is Kind.PRICE:
        document: dict[str, Any] = {"kind": "number", "transform": "log"}
    else:
        document = {"kind": str(covariate.kind)}
    return document if covariate.used else {**document, "use": False}
