"""/openapi.json, and HTML pages rendered from it, which load nothing from other servers.

The page of calls has one script of this server, which sends calls from the page. Links are
relative, so that pages work where a proxy serves them below a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.docs.examples import DOCUMENTS, PAGES_FOLDER
from api.docs.openapi import openapi
from api.docs.try_form import form_of
from api.http.dispatch import respond_with
from api.http.operation import Operation
from api.http.responses import bytes_response_with_etag
from api.http.router import Endpoint
from middleware.headers import JSON
from middleware.policy import Policy

PAGES = ("/openapi.json", "/docs", "/docs/errors", "/docs/style.css", "/docs/try.js")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_POLICY_WITH_SCRIPT = f"{_POLICY}; script-src 'self'; connect-src 'self'"
_OTHER_PAGE = re.compile(r'<a href="(?!#|/|https?:)[^"]*">(.*?)</a>')
_HEADING = re.compile(r"<h2>(.*?)</h2>")


class Documentation:
    """The OpenAPI document and the pages; each is rendered at the first request for it."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations

    def endpoints(self) -> list[Endpoint]:
        """Return what answers `PAGES`, which are public."""
        functions = (
            self._openapi_endpoint,
            self._page_endpoint(lambda: self._calls_page, _POLICY_WITH_SCRIPT),
            self._page_endpoint(lambda: self._errors_page, _POLICY),
            self._file_endpoint("style.css", "text/css"),
            self._file_endpoint("try.js", "text/javascript"),
        )
        return [
            Endpoint("GET", Policy(route=path, scope=None), respond_with(function))
            for path, function in zip(PAGES, functions, strict=True)
        ]

    @cached_property
    def document(self) -> dict[str, Any]:
        return openapi(self._operations)

    @cached_property
    def _document_bytes(self) -> bytes:
        return orjson.dumps(self.document)

    @cached_property
    def _calls_page(self) -> bytes:
        from api.docs.templates import render_template  # its libraries take a part of a start

        paths, components = self.document["paths"], self.document["components"]["schemas"]
        return render_template(
            "calls.html",
            root="",
            title="Calls",
            info=self.document["info"],
            calls=[
                _describe_operation(method, path, operation, components)
                for path, methods in paths.items()
                for method, operation in methods.items()
            ],
            schemas=[_describe_schema(name, components[name]) for name in sorted(components)],
        )

    @cached_property
    def _errors_page(self) -> bytes:
        from api.docs.templates import render_markdown, render_template

        text = (DOCUMENTS / "errors.md").read_text(encoding="utf-8")
        html = _HEADING.sub(r'<h2 id="\1"><a href="#\1">\1</a></h2>', render_markdown(text))
        html = _OTHER_PAGE.sub(
            r"\1", html
        )  # a link to a page that is not served becomes plain text
        content = Markup(html)  # nosec B704
        return render_template("page.html", root="../", title="Problems", content=content)

    async def _openapi_endpoint(self, request: Request) -> Response:
        return bytes_response_with_etag(request, self._document_bytes, media_type=JSON)

    def _file_endpoint(self, name: str, media_type: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            content = (PAGES_FOLDER / name).read_bytes()
            return bytes_response_with_etag(request, content, media_type=media_type)

        return endpoint

    def _page_endpoint(self, render: Callable[[], bytes], policy: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return HTMLResponse(render(), headers={"content-security-policy": policy})

        return endpoint


def _describe_operation(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values with which the page's template shows an operation."""
    responses = operation["responses"]
    success = _success_response(responses)
    content = operation.get("requestBody", {}).get("content", {})
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "security": _describe_security(operation["security"]),
        "parameters": [
            _field_row(each["name"], {**each["schema"], "description": each["description"]}, ())
            for each in operation["parameters"]
        ],
        "body": _field_rows(_resolve_reference(content[JSON]["schema"], components))
        if JSON in content
        else [],
        "answer": _describe_type(next(iter(success["content"].values()))["schema"]),
        "form": form_of(method, path, operation, components),
        "examples": _example_requests(method, path, operation),
        "problems": [
            {"status": status, "description": response["description"]}
            for status, response in responses.items()
            if int(status) >= 400
        ],
    }


def _success_response(responses: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the successful response that has content, which a 304 has not."""
    return next(
        response
        for status, response in responses.items()
        if status.startswith("2") and "content" in response
    )


def _describe_security(required: Sequence[Mapping[str, Sequence[str]]]) -> str:
    if not required:
        return "Open to all."
    scopes = next(iter(required[0].values()))
    return f"Needs a key with the scope {scopes[0]}." if scopes else "Needs any valid key."


def _example_requests(method: str, path: str, operation: Mapping[str, Any]) -> list[dict[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    bodies = content.get(JSON, {}).get("examples", {})
    answers = _success_response(operation["responses"])["content"].get(JSON, {}).get("examples", {})
    return [
        {
            "curl": _request_text(method, path, name, bodies.get(name, {}).get("value")),
            "answer": orjson.dumps(example["value"], option=orjson.OPT_INDENT_2).decode(),
        }
        for name, example in answers.items()
    ]


def _request_text(method: str, path: str, name: str, body: Any) -> str:
    if method == "get":
        return f"GET {path}?{name}" if "=" in name else f"GET {path}"
    return f"{method.upper()} {path}\n{orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()}"


def _describe_schema(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "description": schema.get("description", ""),
        "rows": _field_rows(schema),
        "type": "" if "properties" in schema else _describe_type(schema),
    }


def _field_rows(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    fields = schema.get("properties", {})
    return [_field_row(name, of_field, required) for name, of_field in fields.items()]


def _field_row(name: str, schema: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    default = schema.get("default")
    return {
        "name": name,
        "type": _describe_type(schema),
        "required": name in required,
        "description": schema.get("description", ""),
        "default": "" if default in (None, {}) else orjson.dumps(default).decode(),
    }


def _resolve_reference(
    schema: Mapping[str, Any], components: Mapping[str, Any]
) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    resolved: Mapping[str, Any] = components[reference.rpartition("/")[2]] if reference else schema
    return resolved


def _describe_type(schema: Mapping[str, Any]) -> Markup:
    """Return a schema in a few words, with links to the schemas that it refers to."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if kinds := schema.get("anyOf") or schema.get("oneOf"):
        return Markup(" or ").join(_describe_type(kind) for kind in kinds)
    if values := schema.get("enum"):
        return Markup(" or ").join(Markup("<code>{}</code>").format(str(value)) for value in values)
    if "const" in schema:
        return Markup("<code>{}</code>").format(orjson.dumps(schema["const"]).decode())
    if "items" in schema:
        return Markup("list of ") + _describe_type(schema["items"])
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Markup("names to ") + _describe_type(schema["additionalProperties"])
    kind = schema.get("format") or schema.get("type", "anything")
    return escape(" or ".join(kind) if isinstance(kind, list) else kind) + _describe_limits(schema)


def _describe_limits(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", at least {low}"
    return f", at most {high}" if high is not None else ""
