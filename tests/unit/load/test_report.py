"""The HTML report of a load run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from load.outcome import Verdict
from load.record import Table
from load.report import Outcome, page, write

Made = Callable[..., Outcome]


def test_the_page_fetches_nothing_and_follows_light_and_dark(outcome: Made) -> None:
    text = page(outcome())
    assert not re.search(r"https?://|<script|<link(?! rel=\"icon\" href=\"data:,\")|@import", text)
    assert "prefers-color-scheme: dark" in text


def test_figures_are_formatted_as_in_the_documentation(outcome: Made) -> None:
    text = page(outcome())
    assert "<td>1,234</td>" in text
    assert "<caption>Scenario ramp, by call.</caption>" in text
    assert "All 1 thresholds held" in text
    assert "did not hold" not in text
    assert "12.3" in text


def test_a_failed_threshold_comes_first(outcome: Made) -> None:
    failed = Verdict("explain, ms", "p(95)<50", 61.5, False)
    nothing = Verdict("100 users, ms", "p(95)<100", None, False)
    text = page(outcome(verdicts=[failed, nothing], wrong={"explain: 200, JSON": 3}))
    assert "2 of 2 thresholds did not hold" in text.split("</header>")[0]
    assert "✗ did not hold" in text
    assert "✗ nothing was measured" in text
    assert "explain: 200, JSON, 3 times" in text


def test_errors_are_marked_in_the_table(outcome: Made) -> None:
    assert re.findall(r'<td class="fails">(.*?)</td>', page(outcome())) == ["5"]


def test_the_facts_of_a_run_are_escaped(outcome: Made) -> None:
    assert "tier &lt;large&gt;" in page(outcome())


def test_memory_is_drawn_from_zero(outcome: Made) -> None:
    """A worker with a single sample has no line."""
    text = page(outcome())
    assert text.count("<polyline") == 1
    assert ">0</text>" in text


def test_a_run_too_short_for_memory_has_no_memory_section(outcome: Made) -> None:
    empty = Table(id="ramp-memory", caption="", columns=("worker",), rows=())
    assert "Memory" not in page(outcome(memory=empty, samples={}))


def test_the_page_is_a_file(outcome: Made, tmp_path: Path) -> None:
    write(outcome(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(outcome())
