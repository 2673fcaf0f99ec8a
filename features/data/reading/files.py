"""Finds the file or folder of each table, and reads the bytes of text files."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from features.data.findings import Finding, Report, Severity
from features.data.reading.schema import SCHEMAS

SALES_NAMES, FUTURE_NAMES = ("sales", "train"), ("future", "test")
"""Names of the table of sales, and of that of the days ahead; the first is the usual one."""
SUFFIXES = (".parquet", ".csv", ".csv.gz")
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"


@dataclass(frozen=True)
class TableFile:
    """One file of a table.

    Attributes:
        name: path relative to the folder of tables, with forward slashes.
        partition: columns that the folders above the file state, as ``key=value``.
    """

    path: Path
    name: str
    partition: dict[str, str | None]

    @property
    def is_parquet(self) -> bool:
        return self.path.suffix == ".parquet"


def find_table(folder: Path, table: str, report: Report, *, optional: bool) -> list[TableFile]:
    """Return the files of a table; empty if it is missing.

    That is reported as an error, or, of an optional table, as a warning if a file has a similar
    name.
    """
    candidates = [path for suffix in SUFFIXES if _exists(path := folder / f"{table}{suffix}")]
    if _is_data_set(folder / table):
        candidates.append(folder / table)
    if len(candidates) > 1:
        names = " and ".join(path.name for path in candidates)
        report.add(
            _make_error("table-twice", "", f"holds both {names}; keep the one that is meant")
        )
        return []
    if not candidates:
        if not optional:
            report.add(_make_missing(folder, table))
        elif _find_similar_names(folder, table):
            report.add(replace(_make_missing(folder, table), severity=Severity.WARNING))
        return []
    path = candidates[0]
    if path.is_dir():
        return _list_parts(path, report)
    if not path.is_file():
        message = "is not a file: a broken link, or a device"
        report.add(_make_error("unreadable", path.name, message))
        return []
    return [TableFile(path, path.name, {})]


def list_tables(folder: Path) -> list[str]:
    """Return the names of the tables of a folder, without their suffixes, in order.

    A folder without a suffix is listed only if its name is that of the sales or the days ahead:
    others may be anything, such as older exports.
    """
    stems = {
        path.name.removesuffix(suffix)
        for path in folder.iterdir()
        for suffix in SUFFIXES
        if path.name.endswith(suffix) and not path.name.startswith(("_", "."))
    }
    data_sets = {name for name in (*SALES_NAMES, *FUTURE_NAMES) if _is_data_set(folder / name)}
    return sorted(stems | data_sets)


def may_be_read(path: PurePosixPath) -> bool:
    """Return whether a file of a folder of tables may be one of a table, by its relative path.

    In a folder, each file that is not hidden may be: one that is not Parquet is a fault there.
    """
    if any(piece.startswith(("_", ".")) for piece in path.parts):
        return False
    top = path.parts[0]
    if len(path.parts) == 1:
        return top.endswith(SUFFIXES)
    return top.endswith(".parquet") or top in (*SALES_NAMES, *FUTURE_NAMES, *SCHEMAS)


def read_text(part: TableFile, report: Report) -> bytes | None:
    """Return the bytes of a CSV file, decompressed; None where it cannot be read."""
    try:
        data = part.path.read_bytes()
    except OSError as error:
        report.add(
            _make_error("unreadable", part.name, f"cannot be read: {_describe_error(error)}")
        )
        return None
    if part.path.suffix == ".gz":
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            message = "cannot be read: it is not a complete gzip file"
            report.add(_make_error("unreadable", part.name, message, "compress it again"))
            return None
    for magic, kind, advice in (
        (_GZIP, "compressed with gzip", f"name it {part.path.name}.gz"),
        (_ZIP, "an Excel workbook or a ZIP archive", "save the sheet as CSV (UTF-8)"),
        (_PARQUET, "Parquet", f"name it {part.path.stem}.parquet"),
    ):
        if data.startswith(magic):
            report.add(
                _make_error("wrong-kind", part.name, f"cannot be read: it is {kind}", advice)
            )
            return None
    return data


def _describe_error(error: OSError) -> str:
    return (error.strerror or "the volume failed").lower()


def _make_error(code: str, file: str, message: str, advice: str | None = None) -> Finding:
    return Finding(Severity.ERROR, code, file, message, advice=advice)


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _is_data_set(path: Path) -> bool:
    """Return whether a path without a suffix is a folder that holds Parquet files."""
    return path.is_dir() and any(file.suffix == ".parquet" for file in _walk_files(path))


def _find_similar_names(folder: Path, table: str) -> list[str]:
    """Return names in the folder that look like the table under another suffix or case."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if name.casefold().partition(".")[0] == table)


def _make_missing(folder: Path, table: str) -> Finding:
    message = f"holds no {table}.parquet or {table}.csv"
    if similar := _find_similar_names(folder, table):
        listing = ", ".join(similar[:3])
        message += f"; there is {listing}, whose name or format is not read"
        return _make_error(
            "table-missing", "", message, f"save it as {table}.csv or {table}.parquet"
        )
    return _make_error("table-missing", "", message)


def _list_parts(path: Path, report: Report) -> list[TableFile]:
    """Return the Parquet files below a folder, as Spark, Dask and pandas write them."""
    if path.suffix not in ("", ".parquet"):
        message = "is a folder, and only Parquet may be one"
        report.add(_make_error("wrong-kind", path.name, message, "join its parts into one file"))
        return []
    parts, foreign = [], []
    try:
        for file in _walk_files(path):
            relative = file.relative_to(path)
            if any(piece.startswith(("_", ".")) for piece in relative.parts):
                continue
            if file.suffix == ".parquet":
                name = f"{path.name}/{relative.as_posix()}"
                parts.append(TableFile(file, name, _parse_partition(relative)))
            else:
                foreign.append(relative.as_posix())
    except OSError as error:
        report.add(
            _make_error("unreadable", path.name, f"cannot be read: {_describe_error(error)}")
        )
        return []
    if foreign:
        message = f"holds {foreign[0]}, which is not named as a Parquet part"
        report.add(_make_error("wrong-kind", path.name, message, "remove it, or name it .parquet"))
        return []
    if not parts:
        report.add(
            _make_error("no-rows", path.name, "has no rows: the folder holds no Parquet part")
        )
    return parts


def _walk_files(path: Path) -> Iterator[Path]:
    for entry in sorted(path.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk_files(entry)
        else:
            yield entry


def _parse_partition(relative: Path) -> dict[str, str | None]:
    """Return the columns that folders named ``key=value`` state for the rows below them."""
    pairs = (piece.split("=", 1) for piece in relative.parts[:-1] if "=" in piece)
    values = {unquote(key): unquote(value) for key, value in pairs}
    return {key: None if value == _NULL_PARTITION else value for key, value in values.items()}
