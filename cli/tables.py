"""Argument of commands that read tables: a folder of them, or its URL."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

import typer

from cli.progress import Phases, say
from errors import InputError

_MIB = 2**20
_HELP = "Folder with the retailer's tables, or its URL, such as s3://bucket/tables"

P = ParamSpec("P")
R = TypeVar("R")


def location_of(text: str) -> Path | str:
    """Return the path of a folder on this machine, ``file://`` too, or the URL of another.

    Raises:
        InputError: the URL names a folder of another machine.
    """
    if "://" not in text:
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme != "file":
        return text
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"{text}: a file:// URL has three slashes, as in file:///var/tables")
    return Path(unquote(parts.path))


def reads_tables(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command take a folder or a URL as `data`, and run it with a folder.

    The tables of a URL are copied for the time of the command.
    """
    # Typer reads the signature. The command itself has a path there, into which Typer would make a
    # URL; its caller on the command line writes a text.
    signature = inspect.signature(command, eval_str=True)
    argument = signature.parameters["data"]
    is_optional = argument.default is None
    text: Any = Annotated[
        str | None if is_optional else str,
        typer.Argument(
            help=f"{_HELP}; the built-in demo data if left out." if is_optional else f"{_HELP}."
        ),
    ]

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _opened(kwargs["data"]) as folder:
            kwargs["data"] = folder
            return command(*args, **kwargs)

    parameters = {**signature.parameters, "data": argument.replace(annotation=text)}
    run.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, "data": text}
    return run


@contextmanager
def _opened(location: Any) -> Iterator[Path | None]:
    """Yield the folder of tables that the command line names, or None if it names none."""
    url = None if location is None else location_of(str(location))
    if not isinstance(url, str):
        yield url
        return
    from lifecycle.table_copy import CopyProgress, copied_tables

    phases, has_started = Phases(()), False

    def show(progress: CopyProgress) -> None:
        nonlocal has_started
        if not has_started:
            has_started = True
            say(f"Copying {progress.files:,} files of {url}, {progress.total / _MIB:,.1f} MiB")
        phases.advance(progress.done, progress.total)

    with copied_tables(url, show) as folder:
        yield folder
