"""Requests for a training, as a command or a job makes them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from features.data.reading.layout import DateOrder, DecimalMark, Delimiter, TableLayout


class Effort(StrEnum):
    """Cost of a training; more is more accurate.

    Attributes:
        FAST: about a third of the default, to try an idea.
        DEFAULT: the recipe that suits the data.
        BEST: about four times the default: twice the rows, and the mean of two fits.
    """

    FAST = "fast"
    DEFAULT = "default"
    BEST = "best"


class Promote(StrEnum):
    """Choice of serving a trained model.

    Attributes:
        IF_BETTER: only if its errors on days that the model that serves has not seen are smaller,
            beyond chance, or no model of a retailer serves.
    """

    ALWAYS = "always"
    IF_BETTER = "if-better"
    NEVER = "never"


class Outcome(StrEnum):
    """Outcome of the comparison of a new model with the one that serves.

    Attributes:
        BETTER: the errors of the challenger are smaller, beyond chance.
        EQUAL: they are neither smaller nor larger beyond chance.
        WORSE: they are larger, or a figure is worse by more than its margin.
        UNKNOWN: there is nothing to compare.
    """

    BETTER = "better"
    EQUAL = "equal"
    WORSE = "worse"
    UNKNOWN = "unknown"


class TrainingRequest(BaseModel):
    """Request of a training as a job.

    Attributes:
        data: name of a source; None for the built-in demo.
        recipe: its cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str | None = None
    recipe: Effort = Effort.DEFAULT
    promote: Promote = Promote.IF_BETTER
    delimiter: Delimiter = Delimiter.COMMA
    decimal: DecimalMark = DecimalMark.POINT
    dates: DateOrder = DateOrder.YMD

    @property
    def layout(self) -> TableLayout:
        return TableLayout(delimiter=self.delimiter, decimal=self.decimal, dates=self.dates)
