"""The catalogue of problems: stable codes, documentation, and one shape."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from config.paths import ROOT
from errors import DOCUMENTATION, Code, FieldError, Problem, code_of_status

PAGE = ROOT / "docs" / "reference" / "errors.md"
EVERY_CODE = pytest.mark.parametrize("code", [pytest.param(code, id=code.name) for code in Code])


def anchors() -> set[str]:
    """Return the link anchors of the page: headings in GitHub's form, and ids."""
    text = re.sub(r"^```.*?^```", "", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", text, flags=re.M)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r"""<a (?:id|name)=["']([^"']+)["']""", text))


@EVERY_CODE
def test_every_code_is_documented_at_its_type_url(code: Code) -> None:
    page, _, anchor = code.anchor.partition("#")
    assert f"{page}#" == DOCUMENTATION
    assert anchor in anchors()


@EVERY_CODE
def test_every_code_is_an_error_of_http_with_a_title(code: Code) -> None:
    assert 400 <= code.status <= 599
    assert HTTPStatus(code.status)
    assert code.title
    assert not code.title.endswith(".")


def test_no_code_is_an_alias_of_another() -> None:
    """Enum members of equal status and title would silently become aliases."""
    assert [code.name for code in Code] == list(Code.__members__)
    assert len({code.anchor for code in Code}) == len(Code.__members__)


def test_a_problem_becomes_one_document_with_every_member() -> None:
    problem = Problem(
        Code.INVALID_STORE,
        "There is no store 7.",
        errors=[FieldError("/store_nbr", "There is no store 7.")],
        headers={"Retry-After": "3"},
    )
    assert problem.document(instance="/predict/simple", request_id="abc") == {
        "type": "/docs/errors#invalid-store",
        "title": "The store is not known",
        "status": 400,
        "detail": "There is no store 7.",
        "instance": "/predict/simple",
        "code": "INVALID_STORE",
        "error": "There is no store 7.",
        "request_id": "abc",
        "errors": [{"pointer": "/store_nbr", "detail": "There is no store 7."}],
    }
    assert problem.headers == {"Retry-After": "3"}
    assert str(problem) == "INVALID_STORE: There is no store 7."


def test_a_problem_without_single_faults_lists_none() -> None:
    document = Problem(Code.INTERNAL_ERROR, "x").document(instance="/", request_id="1")
    assert document["errors"] == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.INVALID_REQUEST),
        (404, Code.NOT_FOUND),
        (405, Code.METHOD_NOT_ALLOWED),
        (413, Code.PAYLOAD_TOO_LARGE),
        (415, Code.UNSUPPORTED_MEDIA_TYPE),
        (418, Code.INVALID_REQUEST),
        (422, Code.INVALID_REQUEST),
        (429, Code.RATE_LIMITED),
        (500, Code.INTERNAL_ERROR),
        (502, Code.INTERNAL_ERROR),
        (503, Code.MODEL_UNAVAILABLE),
        (504, Code.TIMEOUT),
    ],
)
def test_an_error_without_a_code_gets_that_of_its_status(status: int, code: Code) -> None:
    assert code_of_status(status) is code


@EVERY_CODE
def test_a_code_of_a_status_keeps_the_side_that_failed(code: Code) -> None:
    """The caller's fault stays the caller's, and the server's the server's."""
    assert code_of_status(code.status).status // 100 == code.status // 100
