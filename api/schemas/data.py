"""Requests and answers of sources and uploads."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field

from api.schemas.answer import Answer
from api.schemas.requests import Request
from features.data.reading.layout import DateOrder, DecimalMark, Delimiter
from lifecycle.uploads import FILE, MAX_FILES, NAME, StoredSource, Uploads


class UploadPayload(Request):
    """Options of a check of uploaded tables."""

    dry_run: Annotated[bool, Field(strict=True)] = False
    """Only check them: they stay an upload, even if they are right."""
    delimiter: Delimiter = Delimiter.COMMA
    """Character that separates the values of a CSV file."""
    decimal: DecimalMark = DecimalMark.POINT
    """Character that separates the fraction of a number in text."""
    dates: DateOrder = DateOrder.YMD
    """Order of a date's parts beside YYYY-MM-DD: 31.12.2023 is `dmy`."""


@dataclass(frozen=True, slots=True)
class TableFileAnswer(Answer):
    """A file of a source or of an upload."""

    name: str
    bytes: int
    modified: dt.datetime
    """Time of its last change."""


@dataclass(frozen=True, slots=True)
class SourceAnswer(Answer):
    """A source, or an upload that is not one yet."""

    name: str
    files: list[TableFileAnswer]
    """Files directly in its folder."""
    bytes: int
    """Of these files together."""
    modified: dt.datetime | None
    """Time of their last change; null where there is none."""
    by: str | None
    """Who uploaded it; null for a folder that was put there otherwise, which cannot be deleted
    here."""

    @classmethod
    def of(cls, source: StoredSource) -> Self:
        """Return the answer of a source."""
        return cls.from_attributes(
            source,
            files=[TableFileAnswer.from_attributes(file) for file in source.files],
            bytes=sum(file.bytes for file in source.files),
        )


@dataclass(frozen=True, slots=True)
class UploadRulesAnswer(Answer):
    """What an upload may be."""

    max_bytes: int
    """Of its files together."""
    max_files: int
    name: str
    """Regular expression that the whole name of its source matches."""
    file: str
    """Regular expression that the whole name of each file matches."""

    @classmethod
    def of(cls, uploads: Uploads) -> Self:
        """Return the rules of uploads."""
        return cls(uploads.max_bytes, MAX_FILES, NAME, FILE)


@dataclass(frozen=True, slots=True)
class SourcesAnswer(Answer):
    """Sources that jobs can read, and uploads."""

    sources: list[SourceAnswer]
    uploads: list[SourceAnswer]
    """Uploads that were not checked, or in which an error was found."""
    rules: UploadRulesAnswer
