"""GET /meta: the valid values of requests; and ETags of cacheable answers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from api.schemas.requests import HORIZONS
from features.data.snapshot import Snapshot
from features.data.step import Step
from models.bundle import Bundle

CACHEABLE = ["/meta", "/model-metrics", "/accuracy", "/hierarchy?depth=1"]


def test_everything_listed_can_be_forecast(client: Any, snapshot: Snapshot) -> None:
    meta = client.get("/meta").json()
    bottoms = snapshot.hierarchy.bottoms
    assert [str(store["store_nbr"]) for store in meta["stores"]] == list(
        dict.fromkeys(bottoms["store_nbr"])
    )
    assert meta["families"] == list(dict.fromkeys(bottoms["family"]))
    for end in ("first", "last"):
        response = client.get("/hierarchy", date=meta["forecast"][end], depth=0)
        assert response.status_code == 200, response.text
    beyond = date.fromisoformat(meta["forecast"]["last"]) + timedelta(1)
    assert client.get("/hierarchy", date=beyond.isoformat()).status_code == 400


def test_it_describes_the_model_and_the_data(
    client: Any, snapshot: Snapshot, bundle: Bundle
) -> None:
    meta = client.get("/meta").json()
    assert meta["model_version"] == bundle.name
    assert meta["model_trained_through"] == bundle.facts.trained_through.isoformat()
    assert meta["data"]["last"] == snapshot.facts.origin.isoformat()
    assert meta["features"] == list(bundle.contract.names)
    assert meta["horizons"] == list(HORIZONS[Step.DAY])
    assert meta["levels"] == {
        level: len([node for node in snapshot.hierarchy.nodes if node.level == level])
        for level in snapshot.hierarchy.levels
    }


@pytest.mark.parametrize("path", CACHEABLE)
def test_a_known_etag_is_answered_with_not_modified(client: Any, path: str) -> None:
    first = client.request("GET", path)
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.request("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == tag
    changed = client.request("GET", path, headers={"if-none-match": '"another"'})
    assert (changed.status_code, changed.content) == (200, first.content)


def test_another_query_has_another_etag(client: Any) -> None:
    tags = {client.get("/hierarchy", depth=depth).headers["etag"] for depth in (0, 1, 2)}
    assert len(tags) == 3
