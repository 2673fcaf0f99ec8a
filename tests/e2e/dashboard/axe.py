"""Faults that axe-core finds in a page as it is, with all that it folds opened."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.dashboard.reading import wait_until_loaded

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""Rules whose outcome differs between themes, which change nothing but colours."""
TARGETS = "target-size"
"""The rule that targets are 24 px wide and high, or as far apart as if they were."""


def unfold(page: Page) -> None:
    """Open everything that a page folds, but its menus."""
    page.evaluate(
        "for (const each of document.querySelectorAll('main details:not(:has(button))'))"
        " each.open = true;"
        "for (const each of document.querySelectorAll('main li button[aria-expanded=false]'))"
        " each.click()"
    )
    wait_until_loaded(page)


def faults_of_axe(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core finds: the rule, the element, and what is wrong with it."""
    tried = {"runOnly": rules or STANDARDS}
    results = Axe().run(page, options={**tried, "resultTypes": ["violations"]}).response
    ran = {rule["id"] for kind in ("violations", "passes", "incomplete") for rule in results[kind]}
    assert rules or TARGETS in ran
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in results["violations"]
        for node in rule["nodes"]
    ]
