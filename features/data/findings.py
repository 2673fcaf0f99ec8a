"""Findings of a check of tables: errors, which make the tables unusable, and warnings.

A finding names one place and its fault. A report groups findings by kind (severity, code, file
and column), stores the first `MAX_FINDINGS` of each kind and counts the rest. Neither depends on
the clock or on the path of the tables, so a snapshot that contains its report is reproducible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

MAX_FINDINGS = 20
"""Findings of one kind that a report stores."""
SPECIFICATION = "specification"
"""Code of the faults of a ``retailer.yaml``."""


class Severity(StrEnum):
    """Severity of a finding: an error makes the tables unusable, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong, in a table.

    Attributes:
        severity: an error makes the tables unusable.
        code: stable name of the kind, such as ``date-format``; docs/reference/tables.md lists them.
        file: name of the file within the folder of tables; empty for the folder itself.
        message: what is wrong, as a phrase: the value, and what is expected.
        row: 1-based line of a CSV file, header included, or row of a Parquet file.
        column: name of the column; of the key in a ``retailer.yaml``.
        value: the value as the file holds it.
        advice: what to do about it.
    """

    severity: Severity
    code: str
    file: str
    message: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    advice: str | None = None

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """Key by which findings are grouped and counted."""
        return (self.severity.value, self.code, self.file, self.column or "")

    @property
    def place(self) -> str:
        """File, row and column, as far as they are known."""
        parts = [self.file] if self.file else []
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.column is not None:
            parts.append(self.column_label)
        return ", ".join(parts)

    @property
    def column_label(self) -> str:
        """Column, or key of a ``retailer.yaml``, as text; empty where there is none."""
        word = "key" if self.code == SPECIFICATION else "column"
        return "" if self.column is None else f"{word} {self.column}"

    @property
    def text(self) -> str:
        """Message and advice, without the place."""
        return f"{self.message}; {self.advice}" if self.advice else self.message

    @property
    def line(self) -> str:
        """The finding as one line."""
        return f"{self.place}: {self.text}" if self.place else self.text


@dataclass
class FindingGroup:
    """Findings of one kind: the first `MAX_FINDINGS`, and the number of all."""

    findings: list[Finding] = field(default_factory=list)
    count: int = 0

    @property
    def first(self) -> Finding:
        return self.findings[0]


class Report:
    """All findings of one check, grouped by kind in order of first occurrence."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str, str], FindingGroup] = {}

    def add(self, *findings: Finding, total: int | None = None) -> None:
        """Add findings of one kind.

        Args:
            total: how many there are, where `findings` are only the first of them.
        """
        for finding in findings:
            kind = self._kinds.setdefault(finding.kind, FindingGroup())
            if len(kind.findings) < MAX_FINDINGS:
                kind.findings.append(finding)
            kind.count += 1
        if findings and total is not None:
            self._kinds[findings[0].kind].count += total - len(findings)

    def extend(self, other: Report) -> None:
        """Add all findings of another report."""
        for kind in other.kinds:
            self.add(*kind.findings, total=kind.count)

    @property
    def kinds(self) -> list[FindingGroup]:
        return list(self._kinds.values())

    @property
    def errors(self) -> list[FindingGroup]:
        return [kind for kind in self.kinds if kind.first.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[FindingGroup]:
        return [kind for kind in self.kinds if kind.first.severity is Severity.WARNING]

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity, including those that are not stored."""
        return sum(kind.count for kind in self.kinds if kind.first.severity is severity)

    def as_errors(self) -> Report:
        """Return the same report with every warning made an error."""
        strict = Report()
        for kind in self.kinds:
            findings = [replace(finding, severity=Severity.ERROR) for finding in kind.findings]
            strict.add(*findings, total=kind.count)
        return strict

    def without(self, codes: Iterable[str]) -> Report:
        """Return the same report without the kinds of some codes."""
        excluded, rest = set(codes), Report()
        for kind in self.kinds:
            if kind.first.code not in excluded:
                rest.add(*kind.findings, total=kind.count)
        return rest

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a document of JSON types."""
        return {
            severity: [_kind_to_dict(kind) for kind in kinds]
            for severity, kinds in (("errors", self.errors), ("warnings", self.warnings))
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Report:
        """Return the report that `to_dict` wrote."""
        report = cls()
        for kind in (*document["errors"], *document["warnings"]):
            common = {"severity": Severity(kind["severity"]), "code": kind["code"]}
            findings = [Finding(**common, **finding) for finding in kind["findings"]]
            report.add(*findings, total=kind["count"])
        return report

    def summary_lines(self, severity: Severity) -> Iterator[str]:
        """Yield one line for each kind of a severity: its first finding, and how many follow."""
        for kind in self.kinds:
            if kind.first.severity is severity:
                more = f" (and {kind.count - 1:,} more like it)" if kind.count > 1 else ""
                yield f"{kind.first.line}{more}"

    def text_lines(self) -> Iterator[str]:
        """Yield the whole report as lines for a terminal or a log."""
        for kind in (*self.errors, *self.warnings):
            first = kind.first
            where = ", ".join(filter(None, (first.file, first.column_label)))
            yield f"{first.severity} {first.code}: {where or 'the folder'} ({kind.count:,})"
            for finding in kind.findings:
                place = f"row {finding.row}: " if finding.row is not None else ""
                yield f"  {place}{finding.message}"
            if kind.count > len(kind.findings):
                yield f"  … and {kind.count - len(kind.findings):,} more"
            if first.advice:
                yield f"  → {first.advice}"


class SectionedReport(Report):
    """Report of the check of a part of a table, which remembers the call of each section.

    The sections of all parts make the report of the whole (see `features.data.checks.merge`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.sections: dict[str, Section] = {}
        self._section = ""

    def begin(self, section: str) -> None:
        """Name the check whose findings follow."""
        self._section = section

    def add(self, *findings: Finding, total: int | None = None) -> None:
        if findings:
            before = self.sections.get(self._section, Section((), 0))
            count = before.count + (len(findings) if total is None else total)
            listed = (*before.findings, *findings)[:MAX_FINDINGS]
            self.sections[self._section] = Section(listed, count)


@dataclass(frozen=True)
class Section:
    """The first findings of a check of a part, and the number of all."""

    findings: tuple[Finding, ...]
    count: int


OnReport = Callable[[Report], object]
"""Callback that receives the report of a check of tables."""


def _kind_to_dict(kind: FindingGroup) -> dict[str, Any]:
    findings = [asdict(finding) for finding in kind.findings]
    for finding in findings:
        del finding["severity"], finding["code"]
    return {
        "severity": kind.first.severity.value,
        "code": kind.first.code,
        "count": kind.count,
        "findings": findings,
    }
