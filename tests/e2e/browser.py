"""A browser of the machine, which tests drive to see pages as people do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.support.absent import skip_without

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
"""Browsers of Debian and of GitHub's machines: Playwright's own are no packages of an index."""


def find_browser() -> str:
    """Return the path of a browser; skip the test if there is none, or fail it in CI."""
    path = next(filter(None, map(shutil.which, COMMANDS)), None)
    if path is None:
        reason = f"there is no browser on the path: {', '.join(COMMANDS)}"
        skip_without(reason, "install one, so that pages are tested")
    return path


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """Run a browser without a window until the block ends."""
    # Chromium refuses its sandbox to root, who runs tests in containers
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    # pages of others name fonts on other machines: nothing leaves this one
    options.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield browser
        finally:
            browser.close()


class Faults:
    """Faults of pages that their user does not see: errors, and requests that failed.

    Attributes:
        messages: in their order; a test that provokes one clears them.
    """

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._forgiven: tuple[str, ...] = ()

    def watch(self, page: Page) -> None:
        """Note what a page reports from now on."""
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("requestfailed", self._note_failure)

    def forgive(self, *texts: str) -> None:
        """Drop messages that contain one of some texts, past and later: the test provokes them."""
        self._forgiven += texts
        self.messages[:] = [each for each in self.messages if not self._is_forgiven(each)]

    def _is_forgiven(self, message: str) -> bool:
        return any(text in message for text in self._forgiven)

    def _note(self, message: str) -> None:
        if not self._is_forgiven(message):
            self.messages.append(message)

    def _note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # its page was left, or asked for something else
            self._note(f"failed: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"{message.text} ({message.location['url']})")
