"""Both clients send the same requests, repeat them, and raise the same errors."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import mlrf_client
from mlrf_client import AsyncClient, Client, NoAnswer, RateLimited, Retries, UnexpectedAnswer
from mlrf_client import client as module
from tests.unit.clients.documents import forecast_document, history_document, problem_document

URL = "http://forecasts.test/base/"
KEY = "mlrf_abc_secret"
AT_ONCE = Retries(number=2, first_delay=0.0)

Answer = httpx.Response | Exception
Call = Callable[..., Any]


class Scripted:
    """A transport that gives answers one after the other, and notes the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def blocking(script: Scripted, operation: str, **arguments: Any) -> Any:
    transport = httpx.MockTransport(script)
    with Client(URL, KEY, retries=AT_ONCE, transport=transport) as client:
        return getattr(client, operation)(**arguments)


def awaited(script: Scripted, operation: str, **arguments: Any) -> Any:
    async def run() -> Any:
        transport = httpx.MockTransport(script)
        async with AsyncClient(URL, KEY, retries=AT_ONCE, transport=transport) as client:
            return await getattr(client, operation)(**arguments)

    return asyncio.run(run())


both = pytest.mark.parametrize("call", [blocking, awaited])


def forecast_response() -> httpx.Response:
    return httpx.Response(200, json=forecast_document("shop:A1"))


def refusal(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=problem_document() | {"status": status}, headers=headers)


@both
def test_a_request_names_the_client_and_has_the_key_in_a_header_only(call: Call) -> None:
    script = Scripted(forecast_response())
    assert call(script, "forecast", shop="A1", horizon=2).node == "shop:A1"
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", "http://forecasts.test/base/forecast")
    assert json.loads(request.content) == {"series": {"shop": "A1"}, "horizon": 2}
    assert request.headers["x-api-key"] == KEY
    assert request.headers["user-agent"].startswith(f"mlrf-client/{mlrf_client.__version__} ")
    assert request.headers["content-type"] == "application/json"
    assert KEY not in str(request.url) + request.content.decode()


@both
def test_a_request_is_repeated_until_it_passes(call: Call) -> None:
    script = Scripted(httpx.ConnectError("refused"), refusal(503), forecast_response())
    assert call(script, "forecast", horizon=2).horizon == 2
    first, *others = script.requests
    assert [(other.url, other.content) for other in others] == [(first.url, first.content)] * 2


@both
def test_the_last_refusal_is_raised(call: Call) -> None:
    limited = problem_document() | {"status": 429, "code": "RATE_LIMITED"}
    script = Scripted(*(httpx.Response(429, json=limited) for _ in range(3)))
    with pytest.raises(RateLimited):
        call(script, "forecast", horizon=2)
    assert len(script.requests) == 3


@both
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_a_refusal_that_lasts_is_raised_at_once(call: Call, status: int) -> None:
    script = Scripted(refusal(status, **{"X-Request-ID": "order-17"}))
    with pytest.raises(mlrf_client.ApiError) as raised:
        call(script, "forecast", horizon=2)
    assert (raised.value.status, raised.value.request_id) == (status, "order-17")


@both
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        pytest.param(httpx.ReadTimeout("slow"), "did not answer in time", id="slow"),
        pytest.param(httpx.UnsupportedProtocol("no"), "cannot be reached", id="not reached"),
    ],
)
def test_no_answer_is_an_error_of_its_own(call: Call, failure: Exception, message: str) -> None:
    with pytest.raises(NoAnswer, match=f"http://forecasts.test/base {message}"):
        call(Scripted(failure), "meta")


@both
def test_an_answer_of_another_service_is_an_error(call: Call) -> None:
    page = httpx.Response(200, html="<h1>Welcome</h1>")
    with pytest.raises(UnexpectedAnswer, match="/base/meta is not JSON"):
        call(Scripted(page), "meta")


@both
def test_a_redirect_is_not_followed_with_the_key(call: Call) -> None:
    script = Scripted(httpx.Response(307, headers={"Location": "http://elsewhere.test/"}))
    with pytest.raises(mlrf_client.ApiError, match="HTTP_307"):
        call(script, "meta")


@both
def test_all_pages_of_the_past_are_read(call: Call) -> None:
    script = Scripted(
        httpx.Response(200, json=history_document("2024-06-28", then="2024-06-29")),
        httpx.Response(200, json=history_document("2024-06-29", then="2024-06-30")),
        httpx.Response(200, json=history_document("2024-06-30", then=None)),
    )
    history = call(script, "historical", first="2024-06-28", last="2024-06-30")
    assert [day.date.day for day in history.days] == [28, 29, 30]
    bodies = [json.loads(request.content) for request in script.requests]
    assert [body["from"] for body in bodies] == ["2024-06-28", "2024-06-29", "2024-06-30"]
    assert {body["to"] for body in bodies} == {"2024-06-30"}


@both
def test_pages_of_different_data_are_not_put_together(call: Call) -> None:
    script = Scripted(
        httpx.Response(200, json=history_document("2024-06-28", then="2024-06-29")),
        httpx.Response(200, json=history_document("2024-06-29", then=None, digest="other")),
    )
    with pytest.raises(UnexpectedAnswer, match="changed between two pages"):
        call(script, "historical")


def test_the_delay_of_the_server_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    limited = refusal(429, **{"Retry-After": "7"})
    blocking(Scripted(limited, forecast_response()), "forecast", horizon=2)
    assert waited == [7.0]


def test_both_clients_have_the_same_methods_and_parameters() -> None:
    def methods(kind: type) -> dict[str, Any]:
        public = {name: value for name, value in vars(kind).items() if name[0] != "_"}
        return {name: [*inspect.signature(each).parameters] for name, each in public.items()}

    assert methods(Client) == methods(AsyncClient)
    assert methods(Client)["health"] == ["self"]


def test_help_shows_what_a_method_takes() -> None:
    method = Client(URL).forecast
    assert method.__name__ == "forecast"
    assert [*inspect.signature(method).parameters][:3] == ["horizon", "node", "date"]
    assert "days to forecast, 1 to 90" in (inspect.getdoc(method) or "")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_key_is_not_shown(kind: Any) -> None:
    assert repr(kind(URL, KEY)) == f"{kind.__name__}('http://forecasts.test/base')"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("127.0.0.1:3000", id="no scheme"),
        pytest.param("ftp://host", id="another protocol"),
        pytest.param("http://user:secret@host", id="a password"),
        pytest.param("http://host?key=secret", id="a key in the query"),
        pytest.param("http://", id="no host"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address") as raised:
        Client(url)
    assert "secret" not in str(raised.value)
