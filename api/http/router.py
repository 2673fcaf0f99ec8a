"""The match of a request to an operation, a page, or the framework's own pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from starlette.responses import PlainTextResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.negotiation import negotiate
from middleware.headers import HTML, JSON
from middleware.policy import UNKNOWN_PATH, Match, Policy
from storage.keys import Scope as KeyScope

_READS = frozenset({"GET", "HEAD"})
_NO_PAGES: Mapping[str, Match] = MappingProxyType({})


class Endpoint(NamedTuple):
    """The handler of one method of a path, and its policy.

    Attributes:
        policy: its `route` is the path, a template such as `/admin/keys/{id}`.
    """

    method: str
    policy: Policy
    app: ASGIApp


Pages = Mapping[str, Match]
"""What answers clients that prefer HTML, by path."""


class Router:
    """Finds the endpoint of a request.

    A page shares its path with endpoints or with none: it is the match of a GET or HEAD whose
    client prefers HTML, and all other requests are matched as if there were no page.

    No path outside of the endpoints and pages reaches the framework (`behind`) but its own pages,
    and no redirect of it reaches the client: they are no part of the contract.
    """

    def __init__(
        self, endpoints: Iterable[Endpoint], behind: ASGIApp, pages: Pages = _NO_PAGES
    ) -> None:
        by_path: dict[str, dict[str, Match]] = {}
        for method, policy, app in endpoints:
            by_path.setdefault(policy.route, {})[method] = Match(policy, app)
        for path, matches in by_path.items():
            if "GET" in matches:
                if path in pages:
                    matches["GET"] = _vary_by_accept(matches["GET"])
                matches["HEAD"] = matches["GET"]
        # Patterns match more than equal paths, such as a path with a line break after it. So the
        # dictionary, which most requests are found in, is only a short cut of the patterns.
        self._plain = {path: matches for path, matches in by_path.items() if "{" not in path}
        self._patterns = [(_pattern_of(path), matches) for path, matches in by_path.items()]
        self._pages = {path: page for path, page in pages.items() if "{" not in path}
        self._page_patterns = [
            (_pattern_of(path), page) for path, page in pages.items() if "{" in path
        ]
        self._framework = Match(_FRAMEWORK_POLICY, _WithoutRedirects(behind))

    def match(self, scope: Scope) -> Match:
        """Return the policy of an HTTP request together with the application that answers it.

        A method that a path does not offer has the policy of one that it does.
        """
        path, method = scope["path"], scope["method"]
        page = self._pages.get(path)
        if page is not None and _prefers_page(scope):
            return page
        matches = self._plain.get(path)
        if matches is not None:
            return matches.get(method) or _not_allowed(matches)
        for pattern, matches in self._patterns:
            if matched := pattern.match(path):
                match = matches.get(method) or _not_allowed(matches)
                return replace(match, parameters=matched.groupdict())
        for pattern, page in self._page_patterns:
            if pattern.match(path) and _prefers_page(scope):
                return page
        return self._framework if is_of_framework(path) else _UNKNOWN


def _prefers_page(scope: Scope) -> bool:
    return scope["method"] in _READS and negotiate(scope, (JSON, HTML)) == HTML


def _vary_by_accept(match: Match) -> Match:
    """Return a match whose responses tell caches that a page has the same address."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"vary", b"Accept")]
                message = {**message, "headers": headers}
            await send(message)

        await match.app(scope, receive, send_varying)

    return replace(match, app=app)


def _pattern_of(path: str) -> re.Pattern[str]:
    pattern, _, _ = compile_path(path)
    return pattern


def _not_allowed(matches: Mapping[str, Match]) -> Match:
    """Return the match of a method that a path does not offer."""
    policy = next(iter(matches.values())).policy
    return Match(policy, PlainTextResponse(status_code=405, headers={"allow": ", ".join(matches)}))


class _WithoutRedirects:
    """An application whose redirects are answered by 404."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        redirected = False

        async def send_no_redirect(message: Message) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and message["status"] in _REDIRECTS:
                redirected = True
                await _EMPTY_404(scope, receive, send)
            elif not redirected:
                await send(message)

        await self.app(scope, receive, send_no_redirect)


def is_of_framework(path: str) -> bool:
    """Return whether a path is one of BentoML's own pages."""
    return path in _FRAMEWORK_PAGES or path.startswith(_FRAMEWORK_FOLDERS)


_FRAMEWORK_PAGES = frozenset({"/docs.json", "/schema.json", "/static_content", "/assets"})
_FRAMEWORK_FOLDERS = ("/static_content/", "/assets/")
_FRAMEWORK_POLICY = Policy(scope=str(KeyScope.ADMIN))  # they reveal how the service is built
_REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
_EMPTY_404 = PlainTextResponse(status_code=404)  # `middleware.problems` writes its body
_UNKNOWN = Match(UNKNOWN_PATH, _EMPTY_404)
