"""The pages of the dashboard, and the files that they load.

Every page is the same document. It is answered to clients that prefer HTML, at addresses some of
which belong to operations too (`GET /` lists the paths, `POST /explain` explains a forecast).
Pages and files are public and free: they contain no data. What a page shows it gets from the
operations, with the key of its user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from api.dashboard.build import BASE, FILES, Build, BuiltFile
from api.http.dispatch import respond_with
from api.http.negotiation import IDENTITY, negotiate_coding
from api.http.representation import RawResponse
from api.http.responses import Raw, bytes_response_with_etag, etag_matches, etag_of
from api.http.router import Endpoint, Pages
from errors import Code, Problem
from middleware.headers import HTML
from middleware.policy import Match, Policy

PAGES = {
    "/": "overview",
    "/forecasts": "forecast",
    "/explain": "explain",
    "/explain/{store}/{family}": "explain",
    "/what-if": "what-if",
    "/compare": "compare",
    "/tree": "tree",
    "/batch": "batch",
    "/quality": "quality",
    "/monitoring": "monitoring",
    "/plan": "plan",
    "/models": "models",
    "/keys": "keys",
    "/status": "status",
    "/sign-in": "sign-in",
}
"""The page of each address at which the dashboard is opened, by the address' template. Pages have
the names of their folders in `dashboard/src/pages`."""

FILE_ROUTE = f"/{FILES}/{{name}}"

FOREVER = "public, max-age=31536000, immutable"
"""Cache-Control of a file whose name changes with its content (RFC 8246)."""

_NOT_BUILT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dashboard not built · MLRF</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/style.css">
</head>
<body>
<main class="prose">
<h1>The dashboard was not built</h1>
<p>This server answers calls of the API only. To have the dashboard too, run
<code>make dashboard</code> in the checkout that the server runs from, then start it again.</p>
<p><a href="docs">The calls of the API</a></p>
</main>
</body>
</html>
"""
_NOT_BUILT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

Answer = Callable[[Request], Awaitable[Response]]


class Dashboard:
    """The dashboard's pages and files, answered from memory.

    Args:
        build: None if the dashboard was not built; then the page at `/` says so, and there are no
            others.
        connect_origins: that its scripts may send requests to, beside this server, such as
            ``https://login.example``.
    """

    def __init__(self, build: Build | None, *, connect_origins: Sequence[str] = ()) -> None:
        self._build = build
        self._policy = _content_security_policy(connect_origins)
        files = {} if build is None else build.files
        self._files = {name: _Variants(file) for name, file in files.items()}

    def pages(self) -> Pages:
        """Return what answers clients that prefer HTML, by path."""
        if self._build is None:
            return {"/": _page_match("/", _NOT_BUILT, _NOT_BUILT_POLICY)}
        return {
            _pattern_of(each): _page_match(each, self._document_for(each), self._policy)
            for each in PAGES
        }

    def endpoints(self) -> list[Endpoint]:
        """Return what answers requests for the files."""
        # quiet: one page loads ten of them
        policy = Policy(route=FILE_ROUTE, scope=None, cost=0, quiet=True)
        return [Endpoint("GET", policy, respond_with(self._file))]

    def _document_for(self, template: str) -> str:
        """Return the document with the base of its links set for an address.

        A proxy may serve all of this below a prefix that it removes, so no path that the server
        knows is one that the browser can use. What both know is how deep the page is below `/`.
        That is taken from the template and not from the request: some proxies also decode `%2F` in
        the name of a family, which only looks like one more folder then.

        The files of the page are named too, so that they are loaded with the document's scripts
        and not after them.
        """
        assert self._build is not None, "only a build has documents"
        base = "../" * (template.count("/") - 1) or "./"
        preloads = map(_preload, self._build.page_files.get(PAGES[template], ()))
        head = "".join((f'<base href="{base}">', *preloads))
        return self._build.document.replace(BASE, head, 1)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        variants = self._files.get(name)
        if variants is None:
            raise Problem(
                Code.NOT_FOUND,
                f"The dashboard has no file {name[:100]!r}. If a page asked for it, the server has "
                "a newer build than the page: load the page again.",
            )
        return variants.respond(request)


def _preload(name: str) -> str:
    kind = 'rel="preload" as="style"' if name.endswith(".css") else 'rel="modulepreload"'
    return f'<link {kind} crossorigin href="{FILES}/{name}">'


class _Variants:
    """The responses of one file, by content coding; headers are encoded once."""

    def __init__(self, file: BuiltFile) -> None:
        self._codings = tuple(file.encoded)
        self._variants = {
            IDENTITY: (file.body, _headers_of(file.media_type, file.body, None)),
            **{
                coding: (body, _headers_of(file.media_type, body, coding))
                for coding, body in file.encoded.items()
            },
        }

    def respond(self, request: Request) -> Response:
        """Return the file in the coding that a request prefers, or 304 if the client has it."""
        coding = negotiate_coding(request.scope, self._codings) if self._codings else IDENTITY
        body, headers = self._variants[coding]
        tag = next(value for name, value in headers if name == b"etag")
        if etag_matches(request, tag.decode()):
            return RawResponse(b"", headers, status=304)
        return RawResponse(body, headers)


def _headers_of(media_type: str, body: bytes, coding: str | None) -> Raw:
    encoding = [] if coding is None else [(b"content-encoding", coding.encode())]
    return [
        (b"content-type", media_type.encode()),
        (b"etag", etag_of(body).encode()),
        (b"cache-control", FOREVER.encode()),
        (b"vary", b"Accept-Encoding"),
        *encoding,
    ]


def _pattern_of(template: str) -> str:
    """Return a template in the router's form: the name of a family may contain a slash."""
    return template.replace("{family}", "{family:path}")


def _page_match(template: str, document: str, policy: str) -> Match:
    answer = _answer_page(document.encode(), policy)
    return Match(Policy(route=template, scope=None, cost=0), respond_with(answer))


def _answer_page(document: bytes, policy: str) -> Answer:
    async def answer(request: Request) -> Response:
        response = bytes_response_with_etag(request, document, media_type=HTML)
        # a 304 has them too: its headers replace those of the cached page
        response.headers.update({"content-security-policy": policy, "vary": "Accept"})
        return response

    return answer


def _content_security_policy(connect_origins: Sequence[str]) -> str:
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "font-src": "'self'",
        "connect-src": " ".join(("'self'", *connect_origins)),
        "manifest-src": "'self'",
        "worker-src": "'self' blob:",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())
