"""The media type of an answer, by Accept, and its content coding, by Accept-Encoding."""

from __future__ import annotations

import pytest

from api.http.negotiation import IDENTITY, negotiate, negotiate_coding
from middleware.headers import ARROW, CSV, JSON, PARQUET

OFFERED = (JSON, CSV, PARQUET, ARROW)


def chosen(*headers: str) -> str:
    sent = [(b"accept", header.encode("latin-1")) for header in headers]
    return negotiate({"type": "http", "headers": sent}, OFFERED)


@pytest.mark.parametrize("media_type", OFFERED)
def test_a_media_type_that_is_named_is_chosen(media_type: str) -> None:
    assert chosen(media_type) == media_type
    assert chosen(media_type.upper()) == media_type
    assert chosen(f"{media_type};q=0.1") == media_type


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="empty"),
        pytest.param("*/*", id="anything"),
        pytest.param("application/*", id="a group"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", id="a browser"),
        pytest.param("application/json, text/plain, */*", id="axios"),
        pytest.param("image/png", id="nothing that is offered"),
        pytest.param(f"{PARQUET}x", id="a longer name"),
        pytest.param(f"{PARQUET};q=0", id="refused"),
        pytest.param(f"{PARQUET};q=2", id="an invalid weight"),
        pytest.param(f"{PARQUET};q=nan", id="no number"),
        pytest.param("\xff,;;q=,=", id="no header at all"),
    ],
)
def test_the_usual_media_type_is_chosen_where_no_other_is_named(header: str) -> None:
    assert chosen(header) == JSON


def test_without_the_header_the_usual_media_type_is_chosen() -> None:
    assert chosen() == JSON


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(f"{CSV};q=0.5, {PARQUET};q=0.9, {JSON};q=0.1", PARQUET, id="highest weight"),
        pytest.param(f"{PARQUET};q=0.5, {JSON}", JSON, id="JSON rather than a table"),
        pytest.param(f"{ARROW}, {PARQUET}", ARROW, id="the first of equals"),
        pytest.param(f"{JSON}, {PARQUET}", JSON, id="the first of equals is the usual one"),
        pytest.param(f"{PARQUET}, {JSON}", PARQUET, id="the usual one is the second"),
        pytest.param(f"*/*, {PARQUET}", PARQUET, id="named rather than anything"),
        pytest.param(f"*/*, {PARQUET};q=0.5", JSON, id="anything rather than named"),
        pytest.param(f"application/*;q=0.2, */*, {PARQUET};q=0.5", PARQUET, id="nearest wildcard"),
        pytest.param(f'{PARQUET};v="1";q=0.3, {CSV};q=0.2', PARQUET, id="other parameters"),
        pytest.param(f"{PARQUET} ; q=0.3,{CSV}; Q=0.4", CSV, id="blanks and capitals"),
        pytest.param(f"{PARQUET};q=0, {ARROW};q=0.001", ARROW, id="smallest weight"),
    ],
)
def test_weights_decide_and_then_the_order(header: str, expected: str) -> None:
    assert chosen(header) == expected


def test_several_headers_are_one_list() -> None:
    assert chosen(f"{CSV};q=0.1", f"{ARROW};q=0.2") == ARROW


# --- content codings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([], IDENTITY, id="no header"),
        pytest.param([""], IDENTITY, id="empty"),
        pytest.param(["gzip, deflate, br, zstd"], "br", id="a browser"),
        pytest.param(["gzip, deflate"], "gzip", id="only one of them"),
        pytest.param(["GZIP"], "gzip", id="upper case"),
        pytest.param(["br;q=0.5, gzip;q=0.9"], "gzip", id="highest weight"),
        pytest.param(["gzip;q=0.5, br;q=0.5"], "br", id="the first offered of equals"),
        pytest.param(["br;q=0, gzip;q=0.001"], "gzip", id="refused"),
        pytest.param(["br;q=0,gzip; Q=0.000"], IDENTITY, id="all refused"),
        pytest.param(["gzip;q=0.5, identity"], IDENTITY, id="rather none"),
        pytest.param(["gzip, identity"], "gzip", id="as gladly none"),
        pytest.param(["*"], "br", id="anything"),
        pytest.param(["br;q=0.1, *;q=0.5"], "gzip", id="anything else"),
        pytest.param(["identity;q=0, *;q=0"], IDENTITY, id="nothing at all"),
        pytest.param(["br;q=2"], IDENTITY, id="an invalid weight"),
        pytest.param(["br", "gzip;q=0"], "br", id="two headers"),
        pytest.param(["\xff,;;q=,="], IDENTITY, id="no header at all"),
        pytest.param(["brotli, gzipped"], IDENTITY, id="longer names"),
    ],
)
def test_the_coding_with_the_highest_weight_is_chosen(headers: list[str], expected: str) -> None:
    sent = [(b"accept-encoding", header.encode("latin-1")) for header in headers]
    assert negotiate_coding({"type": "http", "headers": sent}, ("br", "gzip")) == expected
