"""Results of benchmarks: one JSON file each, with the machine they were measured on.

A file holds the results of one run only: no host name, no path, no figure of an earlier run.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Self

import orjson
from pydantic import BaseModel, ConfigDict, model_validator

FOLDER = Path(__file__).resolve().parent / "results" / "performance"
LIBRARIES = (
    *("bentoml", "fastapi", "hierarchicalforecast", "httptools", "k6", "lightgbm", "mlforecast"),
    *("numpy", "onnxruntime", "orjson", "polars", "pydantic", "redis", "scipy", "starlette"),
    *("uvicorn", "uvloop"),
)
"""Libraries whose version may affect a figure."""
_DIGITS = 4

Cell = str | int | float | None
"""A measured number, a text, or None where there is nothing to measure."""


class Table(BaseModel):
    """A table of results; column names include the units.

    Attributes:
        id: identifier by which a page includes it; unique in its record.
        columns: names; the first column labels the row.

    Raises:
        ValidationError: a row is not as long as `columns`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of table {self.id} is not as long as its columns")
        return self

    def column(self, name: str) -> list[Cell]:
        """Return the cells of the column of that name."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


class Machine(BaseModel):
    """The hardware and software that a figure was measured on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: str
    cores: int
    memory_gib: int
    kernel: str
    python: str
    libraries: dict[str, str]


class Record(BaseModel):
    """One run of a benchmark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    command: str
    machine: Machine
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """Return the table of that id.

        Raises:
            KeyError: the run recorded no such table.
        """
        for table in self.tables:
            if table.id == name:
                return table
        raise KeyError(f"{self.name} has no table {name}")


def machine(libraries: Sequence[str] = LIBRARIES) -> Machine:
    """Describe this machine: processor, cores that this process may use, memory, versions."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        libraries=dict(_versions(libraries)),
    )


def write(
    name: str,
    command: str,
    tables: Sequence[Table],
    *,
    versions: Mapping[str, str] = MappingProxyType({}),
    folder: Path = FOLDER,
) -> Path:
    """Write the results of a run, replacing those of an earlier run of that name.

    Numbers are rounded to four significant digits, the precision that times have at best.

    Args:
        versions: of libraries that ran in other environments.
    """
    rounded = tuple(
        table.model_copy(update={"rows": tuple(tuple(map(_round_cell, row)) for row in table.rows)})
        for table in tables
    )
    here = machine()
    libraries = dict(sorted({**here.libraries, **versions}.items()))
    where = here.model_copy(update={"libraries": libraries})
    record = Record(name=name, command=command, machine=where, tables=rounded)
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(orjson.dumps(record.model_dump(), option=options))
    return path


def read(name: str, *, folder: Path = FOLDER) -> Record:
    """Return the last recorded run of a benchmark.

    Raises:
        FileNotFoundError: none was recorded.
    """
    return Record.model_validate_json((folder / f"{name}.json").read_bytes())


def _round_cell(cell: Cell) -> Cell:
    return float(f"{cell:.{_DIGITS}g}") if isinstance(cell, float) else cell


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _versions(libraries: Sequence[str]) -> Iterator[tuple[str, str]]:
    for library in libraries:
        try:
            yield library, version(library)
        except PackageNotFoundError:
            continue  # not installed, so no benchmark used it
