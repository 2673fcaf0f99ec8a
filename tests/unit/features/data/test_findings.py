"""Reports: retained findings, counts, and the written form."""

from __future__ import annotations

import pytest

from features.data.findings import MAX_FINDINGS, Finding, Report, Severity


def error(row: int, code: str = "number") -> Finding:
    return Finding(Severity.ERROR, code, "train.csv", f"'{row}' is wrong", row, "sales", str(row))


def warning() -> Finding:
    return Finding(Severity.WARNING, "stale", "oil.csv", "ends early", advice="deliver more")


def test_the_first_findings_of_a_kind_are_stored_and_all_are_counted() -> None:
    report = Report()
    report.add(*(error(row) for row in range(MAX_FINDINGS + 5)))
    report.add(error(99), total=1000)
    (kind,) = report.errors
    assert [finding.row for finding in kind.findings] == list(range(MAX_FINDINGS))
    assert kind.count == report.count(Severity.ERROR) == MAX_FINDINGS + 5 + 1000


def test_warnings_are_separate_unless_they_are_made_errors() -> None:
    report = Report()
    report.add(warning())
    assert (report.errors, len(report.warnings)) == ([], 1)
    strict = report.as_errors()
    assert (len(strict.errors), strict.warnings) == (1, [])


def test_a_report_survives_json() -> None:
    report = Report()
    report.add(error(3), error(4), total=50)
    report.add(warning())
    again = Report.from_dict(report.to_dict())
    assert again.to_dict() == report.to_dict()
    assert again.count(Severity.ERROR) == 50


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        pytest.param(error(3), "train.csv, row 3, column sales: '3' is wrong", id="cell"),
        pytest.param(warning(), "oil.csv: ends early; deliver more", id="file"),
        pytest.param(Finding(Severity.ERROR, "x", "", "holds nothing"), "holds nothing", id="none"),
    ],
)
def test_a_finding_is_one_line_with_its_place(finding: Finding, line: str) -> None:
    assert finding.line == line


def test_the_summary_of_a_kind_names_the_first_and_counts_the_others() -> None:
    report = Report()
    report.add(error(3), error(4), error(5))
    (line,) = report.summary_lines(Severity.ERROR)
    assert line == "train.csv, row 3, column sales: '3' is wrong (and 2 more like it)"
