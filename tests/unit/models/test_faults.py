"""Messages of exceptions for callers: without paths of the machine, or texts of libraries."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from errors import InputError
from models.faults import public_message
from storage.artifacts import ArtifactError


class Document(BaseModel):
    """A document with an id, which is a text."""

    id: str


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(
            ArtifactError(Path("/srv/store/bundles/b"), "is missing"),
            "bundles/b: is missing",
            id="an artifact",
        ),
        pytest.param(
            InputError("/srv/data/may/train.csv, row 3: wrong\nvalue"),
            "may/train.csv, row 3: wrong value",
            id="a table",
        ),
        pytest.param(InputError("in /srv/store and /srv/data"), "in store and data", id="a root"),
        pytest.param(FileNotFoundError(2, "No such file", "/srv/x"), "No such file", id="a file"),
        pytest.param(OSError(), "the volume failed", id="a failure without a name"),
        pytest.param(KeyError("/srv/x"), "unexpected KeyError", id="anything"),
    ],
)
def test_a_fault_is_reported_without_paths(error: Exception, line: str) -> None:
    assert public_message(error, Path("/srv/store"), Path("/srv/data")) == line


def test_the_cause_of_a_fault_is_reported() -> None:
    error = InputError("cannot be read")
    error.__cause__ = ValueError("in /srv/store/x: 3")
    assert public_message(error, Path("/srv/store")) == "cannot be read (in x: 3)"


def test_messages_of_libraries_are_not_reported() -> None:
    error = ArtifactError(Path("/srv/store/b"), "does not hold a bundle")
    try:
        Document.model_validate({"id": 1})
    except ValidationError as cause:
        error.__cause__ = cause
    line = public_message(error, Path("/srv/store"))
    assert line == "b: does not hold a bundle (its id is not as expected)"
