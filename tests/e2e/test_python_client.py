"""The Python client, its page and its notebook against a running server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from config.paths import ROOT
from mlrf_client import (
    ApiError,
    AsyncClient,
    Client,
    CostTooHigh,
    NoAnswer,
    NotReady,
    RateLimited,
    Retries,
    Unauthorized,
    UnknownNode,
)
from storage.artifacts import Store
from tests.support.servers import Server, running

pytestmark = pytest.mark.e2e

KEY = "a-python-clients-key"
SERIES = {"store_nbr": 1, "family": "DAIRY"}
TIERS = {"slow": {"quota": 20, "window": 10, "burst": 10}}
NOTEBOOK = ROOT / "clients" / "python" / "example.ipynb"
PAGE = ROOT / "docs" / "how-to" / "python-client.md"
NONE = Retries(number=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("client")
    settings = {"AUTH_MODE": "required", "API_KEY": KEY, "TIERS": json.dumps(TIERS)}
    with running(folder, trained, **settings) as started:
        started.wait_for("/readyz")
        yield started


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, KEY) as started:
        yield started


@pytest.fixture(scope="module")
def slow_key(server: Server) -> str:
    """A key that may spend 10 units at once and gets 2 a second."""
    body = {"client": "slow", "tier": "slow"}
    made = server.request("POST", "/admin/keys", json=body, headers={"X-API-Key": KEY})
    return str(made.json()["key"])


def answer_of(server: Server, path: str, **document: object) -> Any:
    return server.request("POST", path, json=document, headers={"X-API-Key": KEY}).json()


# --- operations -------------------------------------------------------------------------------


def test_a_forecast_has_the_numbers_of_the_answer(server: Server, client: Client) -> None:
    raw = answer_of(server, "/forecast", series=SERIES, horizon=10, period="week")
    forecast = client.forecast(**SERIES, horizon=10, period="week")
    assert (forecast.node, forecast.method) == (raw["node"], raw["method"])
    frame = forecast.to_polars()
    for name in ("prediction", "lower_80", "upper_80", "lower_95", "upper_95"):
        assert frame[name].to_list() == [day[name] for day in raw["forecast"]]
    assert forecast.sums.to_polars()["days"].to_list() == [p["days"] for p in raw["periods"]]


def test_every_other_operation_answers(client: Client) -> None:
    meta, health = client.meta(), client.health()
    assert meta.model_version == health.model_version == client.accuracy().model_version
    assert client.model_metrics().metrics
    tree = client.hierarchy(by="store", horizon=7, depth=1, intervals=[80]).to_polars()
    assert tree["prediction"][1:].sum() == pytest.approx(tree["prediction"][0])
    explanation = client.explain(**SERIES)
    assert explanation.to_polars()["units"].sum() == pytest.approx(explanation.prediction)
    scenario = client.whatif(**SERIES, horizon=7, adjustments={"onpromotion": 20})
    assert scenario.to_polars()["delta"].sum() == pytest.approx(scenario.delta)
    history = client.historical(**SERIES, first=meta.data["first"])
    assert len(history.days) == (meta.data["last"] - meta.data["first"]).days + 1 > 1000
    assert client.predict({"promo": 3.0}, **SERIES).reconciled is False


def test_a_batch_has_forecasts_and_errors_in_their_places(client: Client) -> None:
    origin = client.meta().snapshot.origin
    rows: list[dict[str, Any]] = [
        {"node": "total"},
        {"store_nbr": 999, "family": "DAIRY"},
        {**SERIES, "date": origin, "horizon": 1},
    ]
    total, unknown, past = client.batch(rows, horizon=3, intervals=[90])
    assert not isinstance(total, ApiError)
    assert total.to_polars().equals(client.forecast(horizon=3, intervals=[90]).to_polars())
    assert isinstance(unknown, UnknownNode)
    assert not isinstance(past, ApiError)
    assert past.origin < origin


def series_of(client: Client) -> pl.DataFrame:
    """Return a frame of all series, three times, which takes more than one request."""
    columns = client.meta().series
    stores, families = (pl.DataFrame({name: values}) for name, values in columns.items())
    frame = stores.join(families, how="cross").with_columns(pl.col("store_nbr").cast(pl.Int64))
    return pl.concat([frame] * 3)


def test_a_frame_of_polars_is_forecast_in_several_requests(client: Client) -> None:
    frame = series_of(client)
    done: list[tuple[int, int]] = []
    result = client.batch_frame(frame, horizon=2, progress=lambda *counts: done.append(counts))
    assert done == [(100, len(frame)), (len(frame), len(frame))]
    assert result["error"].null_count() == len(result) == 2 * len(frame)
    assert result.schema["store_nbr"] == pl.Int64
    total = client.forecast(horizon=2).to_polars()
    by_day = result.head(len(result) // 3).group_by("date").agg(pl.col("prediction").sum())
    assert by_day.sort("date")["prediction"].to_list() == pytest.approx(
        total["prediction"].to_list()
    )


def test_a_frame_of_pandas_has_the_same_numbers(client: Client) -> None:
    pd = pytest.importorskip("pandas")
    frame = series_of(client).head(5)
    result = client.batch_frame(frame.to_pandas(), horizon=2)
    assert isinstance(result, pd.DataFrame)
    expected = client.batch_frame(frame, horizon=2)
    assert result["prediction"].tolist() == expected["prediction"].to_list()
    assert result["date"].dt.date.tolist() == expected["date"].to_list()


def test_asyncio_has_the_same_answers(server: Server, client: Client) -> None:
    async def forecast_both() -> list[Any]:
        async with AsyncClient(server.url, KEY) as other:
            nodes = ("total", "store:1")
            calls = [other.forecast(node=node, horizon=3) for node in nodes]
            frame = other.batch_frame(pl.DataFrame({"node": nodes}), horizon=3)
            return list(await asyncio.gather(*calls, frame))

    total, store, frame = asyncio.run(forecast_both())
    assert total == client.forecast(horizon=3)
    assert frame["prediction"].to_list() == [
        day.prediction for each in (total, store) for day in each.forecast
    ]


# --- errors -----------------------------------------------------------------------------------


def test_a_misspelt_name_is_an_error_with_its_place_and_a_proposal(client: Client) -> None:
    with pytest.raises(UnknownNode, match="Did you mean 'DAIRY'") as raised:
        client.forecast(family="DIARY", horizon=3)
    assert raised.value.errors[0].pointer == "/series/family"
    assert raised.value.request_id


@pytest.mark.parametrize("key", [None, "not-a-key"], ids=["none", "unknown"])
def test_a_wrong_key_is_an_error(server: Server, key: str | None) -> None:
    with Client(server.url, key) as stranger, pytest.raises(Unauthorized) as raised:
        stranger.meta()
    assert raised.value.status == 401


def test_a_limit_is_waited_for_as_long_as_the_server_says(server: Server, slow_key: str) -> None:
    """The burst of the key is 10 units, and every forecast costs one."""
    rows = [{"node": "total"}] * 10
    with Client(server.url, slow_key, retries=NONE) as hasty:
        hasty.batch(rows, horizon=1)
        with pytest.raises(RateLimited) as raised:
            hasty.batch(rows, horizon=1)
    assert raised.value.retry_after is not None
    with Client(server.url, slow_key) as patient:
        assert len(patient.batch(rows, horizon=1)) == 10


def test_what_can_never_pass_is_not_waited_for(server: Server, slow_key: str) -> None:
    with Client(server.url, slow_key) as small, pytest.raises(CostTooHigh):
        small.batch([{"node": "total"}] * 11, horizon=1)


def test_a_server_without_a_model_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path, Store(tmp_path / "nothing")) as empty:
        empty.wait_for("/livez")
        with Client(empty.url, retries=NONE) as client, pytest.raises(NotReady):
            client.health()


def test_a_server_that_is_not_there_is_an_error() -> None:
    nothing = Client("http://127.0.0.1:9", retries=Retries(number=1, first_delay=0.0))
    with nothing, pytest.raises(NoAnswer, match="cannot be reached"):
        nothing.meta()


def test_a_connection_that_the_server_has_closed_is_opened_again(server: Server) -> None:
    """As one that was idle for longer than the server keeps it."""
    with Client(server.url, KEY) as client:
        client.meta()
        (connection,) = client._http._transport._pool.connections
        stream = connection._connection._network_stream
        stream.get_extra_info("socket").shutdown(2)
        assert client.meta().model_version


# --- documentation ----------------------------------------------------------------------------


def test_the_notebook_runs(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells), "it is kept without outputs"
    monkeypatch.setenv("MLRF_URL", server.url)
    monkeypatch.setenv("MLRF_KEY", KEY)
    output = run_blocks(["".join(cell["source"]) for cell in cells])
    assert "INVALID_NODE" in output


def test_the_code_of_the_page_runs(tmp_path: Path, trained: Store) -> None:
    """Its server needs no key, as in the page."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with running(tmp_path, trained) as open_server:
        open_server.wait_for("/readyz")
        output = run_blocks(
            [block.replace("http://127.0.0.1:3000", open_server.url) for block in blocks]
        )
    assert "INVALID_NODE There is no family 'DIARY'. Did you mean 'DAIRY'?" in output
    assert len(blocks) == 5


def run_blocks(blocks: list[str]) -> str:
    """Return what blocks of code print, one after the other in one namespace."""
    namespace: dict[str, Any] = {}
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        for block in blocks:
            exec(block, namespace)
    return output.getvalue()
