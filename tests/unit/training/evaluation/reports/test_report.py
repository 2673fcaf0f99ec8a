"""The HTML report of a backtest: complete, self-contained, accessible."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from training.evaluation.backtest_result import OURS, Document
from training.evaluation.reports import report_tables
from training.evaluation.reports.charts import charts_of
from training.evaluation.reports.report import REPORT_FILE, report, write_report
from training.evaluation.reports.report_tables import NOTHING, number, percent

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """A parsed page: elements with their attributes, and the text of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(backtested: Path) -> Page:
    return Page((backtested / REPORT_FILE).read_text(encoding="utf-8"))


def test_a_backtest_leaves_its_report(backtested: Path, document: Document) -> None:
    """The same document gives the same page."""
    assert (backtested / REPORT_FILE).read_text(encoding="utf-8") == report(document)


def test_the_page_has_every_score_of_every_window(page: Page, document: Document) -> None:
    for window in document["windows"]:
        assert window["role"] in page.cells
        for name, scores in window["models"].items():
            assert name in page.cells
            assert number(scores["rmsle"]) in page.cells
            assert number(scores["wrmsse"]) in page.cells


def test_the_page_has_every_coverage(page: Page, document: Document) -> None:
    for buckets in document["intervals"]["levels"].values():
        for bucket, cell in buckets.items():
            assert bucket in page.cells
            assert number(cell["wis_normal"], 2) in page.cells
            for nominal in ("50%", "80%", "95%"):
                assert percent(cell[nominal]["coverage"]) in page.cells


def test_the_page_states_if_the_nominal_is_in_the_bootstrap_interval(document: Document) -> None:
    cell = document["intervals"]["levels"]["total"]["1-7"]
    cell["50%"] |= {"coverage": 0.6, "coverage_low": 0.4, "coverage_high": 0.8}
    cell["80%"] |= {"coverage": 0.9, "coverage_low": 0.85, "coverage_high": 0.95}
    rows = report_tables.bootstrap_table(document).rows
    assert rows[0] == ("1-7", "50%", "60.0%", "40.0%", "80.0%", "yes")
    assert rows[1] == ("1-7", "80%", "90.0%", "85.0%", "95.0%", "no")


def test_the_page_fetches_nothing(page: Page) -> None:
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action")
    ]
    assert addresses
    assert all(
        value and value.startswith(("data:image/svg+xml;base64,", "#")) for value in addresses
    )
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}


def test_pictures_have_alternative_texts_and_tables_have_headers(page: Page) -> None:
    assert len(page.of("img")) == 4
    assert all(picture["alt"] for picture in page.of("img"))
    assert len(page.of("caption")) == len(page.of("table")) > 8
    assert {header["scope"] for header in page.of("th")} == {"col", "row"}
    assert page.of("html") == [{"lang": "en"}]


def test_parts_are_reached_by_links(page: Page) -> None:
    places = {attributes["id"] for attributes in page.of("h2")}
    assert {str(link["href"]).removeprefix("#") for link in page.of("a")} == places


def test_pictures_are_drawings_that_follow_the_colour_scheme(page: Page) -> None:
    for picture in page.of("img"):
        text = base64.b64decode(str(picture["src"]).partition(",")[2]).decode()
        assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme:dark" in text
        assert "var(--c0)" in text
        assert "#0a0" not in text, "a colour that stands for a variable was left"


def test_tables_are_as_wide_as_their_headers(document: Document) -> None:
    tables = [
        report_tables.data_table(document),
        report_tables.roles_table(document),
        report_tables.means_table(document),
        report_tables.windows_table(document, "rmsle"),
        report_tables.holdout_table(document),
        report_tables.coverage_table(document),
        report_tables.wis_table(document),
        report_tables.bootstrap_table(document),
        *(report_tables.levels_table(document, group) for group in document["means"]),
        *(report_tables.models_by_level_table(document, group) for group in document["means"]),
    ]
    for table in tables:
        assert table.rows, table.caption
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_missing_figures_are_stated(gaps: Document) -> None:
    assert NOTHING in Page(report(gaps)).cells
    assert len(charts_of(gaps)) == 4


def test_a_mean_is_over_the_figures_that_exist() -> None:
    assert report_tables.mean([1.0, None, 3.0]) == 2
    assert report_tables.mean([None]) is None
    assert report_tables.ratio(1.0, 0.0) is None


def test_names_are_text_and_not_markup(document: Document) -> None:
    for window in document["windows"]:
        window["models"]["<script>alert(1)</script>"] = window["models"][OURS]
    page = Page(report(document))
    assert page.of("script") == []
    assert "<script>alert(1)</script>" in page.cells


def test_a_previous_bundle_is_compared_on_unseen_windows(
    document: Document,
) -> None:
    assert report_tables.previous_table(document) is None
    window = document["windows"][0]
    window["models"]["previous bundle"] = window["models"][OURS]
    table = report_tables.previous_table(document)
    assert table is not None
    ours, previous = table.rows
    assert (
        ours[2:]
        == previous[2:]
        == (
            number(window["models"][OURS]["rmsle"]),
            number(window["models"][OURS]["wrmsse"]),
            "1",
        )
    )


def test_averaged_windows_with_days_of_the_holdout_are_stated(document: Document) -> None:
    (holdout,) = report_tables.select_windows(document, role="holdout")
    for window in report_tables.select_overlapping_holdout(document):
        assert report_tables.last_day(window) >= report_tables.first_day(holdout)
    assert len(report_tables.select_overlapping_holdout(document)) == 2
    assert "hold days of the holdout too" in report(document)


def test_the_folder_is_created(document: Document, tmp_path: Path) -> None:
    write_report(document, tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").stat().st_size > 10_000
