"""Recorded predictions with what was sold instead, as a Parquet file to train or to judge with.

A row is one row of features that a caller had forecast: the features under the names of the model's
contract and in its order, so that these columns are the matrix that the model takes, then the
prediction and what was reported as sold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from errors import InputError
from lifecycle.monitoring.recorded_values import OF_ROWS, values_of
from models.bundle import load_bundle
from storage.artifacts import Store
from storage.feedback import FeedbackStore, Place, Report, StoredPrediction
from training.output_file import check_output, open_replacement

_FACTS = {
    "request_id": pl.String(),
    "row": pl.Int32(),
    "operation": pl.String(),
    "release": pl.String(),
    "snapshot": pl.String(),
    "predicted_at": pl.Datetime("us", "UTC"),
    "prediction": pl.Float64(),
    "actual": pl.Float64(),
    "reported_at": pl.Datetime("us", "UTC"),
}
"""Columns beside those of the features, which come after them."""


@dataclass(frozen=True)
class WrittenFeedback:
    """Summary of a written file."""

    rows: int
    requests: int


def write_feedback(
    feedback: FeedbackStore,
    store: Store,
    out: Path,
    *,
    bundle: str,
    since: datetime,
    min_rows: int = 1,
) -> WrittenFeedback:
    """Write the rows that a model has forecast, and of which it is known what was sold.

    Args:
        bundle: name of the model's bundle, in the store.
        since: time of the oldest prediction.
        min_rows: below which nothing is written.

    Raises:
        InputError: there are fewer rows, or `out` cannot be written.
        ArtifactError: the bundle is not in the store, or is refused.
    """
    check_output(out)
    names = load_bundle(store.bundles / bundle).contract.names
    features: list[NDArray[np.float32]] = []
    facts: list[tuple[Any, ...]] = []
    requests = 0
    for prediction, actuals in feedback.reported(bundle, since, OF_ROWS):
        requests += 1
        inputs = orjson.loads(prediction.inputs)["rows"]
        rows = np.array(inputs, dtype=np.float64).astype(np.float32)
        features.extend(rows[place.row] for place in actuals)
        facts.extend(_facts_of(prediction, actuals))
    if len(facts) < min_rows:
        raise InputError(
            f"{len(facts):,} rows of {bundle} have been reported since {since.date()}, and "
            f"{min_rows:,} are needed; nothing was written"
        )
    table = pl.DataFrame(facts, schema=_FACTS, orient="row")
    matrix = np.array(features, dtype=np.float32).reshape(-1, len(names))
    columns = pl.DataFrame(matrix, schema=dict.fromkeys(names, pl.Float32()))
    # a missing feature is null in the file, as in a request
    frame = columns.fill_nan(None).hstack(table)
    with open_replacement(out) as file:
        frame.write_parquet(file)
    return WrittenFeedback(rows=frame.height, requests=requests)


def _facts_of(
    prediction: StoredPrediction, actuals: dict[Place, Report]
) -> Iterator[tuple[Any, ...]]:
    predicted = values_of(prediction.operation, prediction.answer)
    for place, report in actuals.items():
        yield (
            prediction.request_id,
            place.row,
            prediction.operation,
            prediction.bundle,
            prediction.snapshot,
            prediction.at,
            predicted[place],
            report.value,
            report.at,
        )
