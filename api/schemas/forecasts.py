"""What forecasts are answered with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, WithJsonSchema

from api.schemas.answer import Answer, ProblemPart, SnapshotRef
from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.methods import Method

_UNITS: dict[str, Any] = {"type": "number", "minimum": 0}
_ONE_OF = "|".join(str(nominal) for nominal in range(MIN_NOMINAL, MAX_NOMINAL + 1))
_BOUNDS: dict[str, Any] = {
    f"^(lower|upper)_({_ONE_OF})$": {**_UNITS, "description": "Bound of an interval, in units."}
}


def _of_first_day(schema: dict[str, Any]) -> None:
    described = {**_UNITS, "description": "Of the first day; so are the bounds beside it."}
    schema["properties"] = {"prediction": described, **schema["properties"]}
    schema["required"] = ["prediction", *schema["required"]]
    schema["patternProperties"] = _BOUNDS


DayForecast = Annotated[
    dict[str, dt.date | float | None],
    WithJsonSchema(
        {
            "type": "object",
            "title": "DayForecast",
            "description": "Forecast of one day, with the bounds of every interval asked for.",
            "properties": {
                "date": {"type": "string", "format": "date"},
                "prediction": _UNITS,
                "actual": {
                    "type": ["number", "null"],
                    "description": "Units sold; null where not known.",
                },
            },
            "patternProperties": _BOUNDS,
            "additionalProperties": False,
            "required": ["date", "prediction", "actual"],
        }
    ),
]


@dataclass(frozen=True, slots=True)
class SimpleAnswer(Answer):
    """A bottom series, day by day.

    `prediction`, `lower_N` and `upper_N` of the first day are added to these.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        **Answer.__pydantic_config__, json_schema_extra=_of_first_day
    )

    store_nbr: int
    family: str
    date: dt.date
    """The first day forecast."""
    horizon: int
    forecast: list[DayForecast]
    origin: dt.date
    """The last day whose sales the forecast rests on."""
    method: Method
    """How the forecast was made: `model`; `model_new` where it rests on few days of sales, or
    the model has not seen the store or the family; `model_idle` where the series has sold
    nothing lately; `zero_never_sold` where it never has, and the forecast is zero by rule."""
    model_version: str
    model_trained_through: dt.date
    """The last day whose sales the model has seen."""
    in_sample: bool
    """Whether the model has seen a day that is forecast here."""
    known_through: dict[str, dt.date]
    """Last day up to which the promotions of the node were known; and its `sales`, where they
    are not delivered up to `origin`."""
    snapshot: SnapshotRef
    degraded: bool
    """Whether this forecast was computed otherwise than it should."""


@dataclass(frozen=True, slots=True)
class NodeForecast(Answer):
    """A node of the tree; its prediction is the sum of its children's, where they are shown."""

    id: str
    name: str
    level: str
    prediction: float
    previous: float | None
    """Units sold in the period before (see `previous_date`); null where they are not known, or
    not delivered yet."""
    trend: float | None
    """By which share of those the prediction is more; null where nothing was sold."""
    children: list[NodeForecast]


@dataclass(frozen=True, slots=True)
class HierarchyAnswer(Answer):
    """A tree of forecasts: `horizon` days from `date` on, added up."""

    date: dt.date
    horizon: int
    previous_date: dt.date | None
    """First day of the period before: the newest of as many days that is over by then and
    begins on the same weekday. Null where its sales are not known."""
    by: str
    """What the total is divided by first."""
    origin: dt.date
    tree: NodeForecast
    model_version: str
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class RowAnswer(Answer):
    """A base forecast, which adds up with no other."""

    prediction: float
    reconciled: Literal[False]
    filled: list[str]
    """Features that were taken from the snapshot."""
    origin: dt.date | None
    """The last day whose sales these rest on; null where all were given."""
    model_version: str
    model_trained_through: dt.date
    snapshot: SnapshotRef
    degraded: bool


@dataclass(frozen=True, slots=True)
class BatchAnswer(Answer):
    """A result or a problem for each item, in their order."""

    predictions: list[SimpleAnswer | ProblemPart]
