"""The page shows recorded figures; none is written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from load import page, record
from load.record import Cell, Table

TABLE = Table(
    id="times",
    caption="Seconds of two ways.",
    columns=("way", "seconds", "note"),
    rows=(("ours", 0.1234, "a|b"), ("theirs", None, "")),
)
RENDERED = """
Seconds of two ways.

| way | seconds | note |
| --- | ---: | --- |
| ours | 0.123 | a\\|b |
| theirs | – |  |

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record.write("ways", "make ways", [TABLE], folder=tmp_path)
    return tmp_path


def with_markers(name: str, inside: str = "") -> str:
    return f"before\n<!-- table: {name} -->\n{inside}<!-- end -->\nafter\n"


@pytest.mark.parametrize("path", page.PAGES, ids=lambda path: path.stem)
def test_a_page_shows_what_was_recorded(path: Path) -> None:
    """`python -m load.page` rewrites it."""
    text = path.read_text(encoding="utf-8")
    assert page.render_page(text) == text


@pytest.mark.parametrize("inside", ["", "\nolder\n\n| a |\n", RENDERED])
def test_a_marked_table_is_replaced_and_other_text_stays(folder: Path, inside: str) -> None:
    text = page.render_page(with_markers("ways/times", inside) * 2, folder=folder)
    assert text == with_markers("ways/times", RENDERED) * 2


def test_every_record_names_its_machine(folder: Path) -> None:
    text = page.render_page(with_markers("ways/machine"), folder=folder)
    machine = record.machine()
    assert "Measured by `make ways`." in text
    assert f"| processor | {machine.cpu} |" in text
    assert f"numpy {machine.libraries['numpy']}" in text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(with_markers("none/times"), FileNotFoundError, id="no such record"),
        pytest.param(with_markers("ways/none"), KeyError, id="no such table"),
        pytest.param("<!-- table: ways/times -->\n", ValueError, id="not closed"),
        pytest.param(
            "<!-- table: ways/times -->\n" + with_markers("ways/times"),
            ValueError,
            id="one in another",
        ),
    ],
)
def test_a_marker_that_cannot_be_filled_is_an_error(
    folder: Path, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        page.render_page(text, folder=folder)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "–"),
        (12345, "12,345"),
        (0.0, "0"),
        (0.00001234, "1.23e-05"),
        (0.01234, "0.0123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12345.6, "12,346"),
        (-1.234, "-1.23"),
        ("3", "3"),
    ],
)
def test_numbers_are_shown_to_three_digits(cell: Cell, text: str) -> None:
    assert page.format_cell(cell) == text
