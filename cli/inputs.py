"""Common inputs of commands: threads, the store, and optional dependencies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from config.settings import get_settings
from errors import InputError
from lifecycle.training_request import Effort
from storage.artifacts import Store, UnwritableError

Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of the fit; as many as there are cores.")
]


RecipeOption = Annotated[
    Effort,
    typer.Option(
        help="fast: a third of the default's cost, to try an idea; best: four times its cost, "
        "and a little more accurate."
    ),
]


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Report a failed import of a package that an optional extra installs.

    Args:
        name: of the extra, which the message names.

    Raises:
        InputError: the package is not installed.
        ModuleNotFoundError: `training` itself is missing, as in the serving image.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if without_training(error):
            raise
        raise InputError(
            f"{error.name} is not installed: this needs the extra `{name}` of this project, "
            f"pip install -e '.[{name}]'"
        ) from error


def without_training(error: ModuleNotFoundError) -> bool:
    """Return whether an import failed because `training` is not in this image."""
    return (error.name or "").partition(".")[0] == "training"


def writable_store() -> Store:
    """Return the store of ARTIFACTS_DIR, after checking that it can be written.

    Raises:
        InputError: it cannot be written.
    """
    store = get_settings().store
    try:
        store.check_writable()
    except UnwritableError as error:
        raise InputError(
            f"ARTIFACTS_DIR: {error}. Let this user write there, or name another folder"
        ) from None
    return store


def read_numbers(text: str, *, option: str) -> list[int]:
    """Return whole numbers that are separated by commas; none if the text is empty.

    Raises:
        InputError: one of them is no whole number.
    """
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"{option} must be whole numbers such as 1,4,9, not {text!r}") from None
