"""GET /meta: what can be asked for, and ETags of what lasts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from api.schemas.requests import HORIZONS
from features.snapshot import Snapshot
from models.bundle import Bundle

LASTING = ["/meta", "/model-metrics", "/accuracy", "/hierarchy?depth=1"]


def test_everything_listed_can_be_forecast(client: Any, snapshot: Snapshot) -> None:
    told = client.get("/meta").json()
    bottoms = snapshot.hierarchy.bottoms
    assert [str(store["store_nbr"]) for store in told["stores"]] == list(
        dict.fromkeys(bottoms["store_nbr"])
    )
    assert told["families"] == list(dict.fromkeys(bottoms["family"]))
    for end in ("first", "last"):
        response = client.get("/hierarchy", date=told["forecast"][end], depth=0)
        assert response.status_code == 200, response.text
    beyond = date.fromisoformat(told["forecast"]["last"]) + timedelta(1)
    assert client.get("/hierarchy", date=beyond.isoformat()).status_code == 400


def test_it_says_what_the_model_and_the_data_are(
    client: Any, snapshot: Snapshot, bundle: Bundle
) -> None:
    told = client.get("/meta").json()
    assert told["model_version"] == bundle.name
    assert told["model_trained_through"] == bundle.facts.trained_through.isoformat()
    assert told["data"]["last"] == snapshot.facts.origin.isoformat()
    assert told["features"] == list(bundle.contract.names)
    assert told["horizons"] == list(HORIZONS)
    assert told["levels"] == {
        level: len([node for node in snapshot.hierarchy.nodes if node.level == level])
        for level in snapshot.hierarchy.levels
    }


@pytest.mark.parametrize("path", LASTING)
def test_what_lasts_is_sent_once(client: Any, path: str) -> None:
    first = client.request("GET", path)
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.request("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == tag
    changed = client.request("GET", path, headers={"if-none-match": '"another"'})
    assert (changed.status_code, changed.content) == (200, first.content)


def test_another_question_has_another_tag(client: Any) -> None:
    tags = {client.get("/hierarchy", depth=depth).headers["etag"] for depth in (0, 1, 2)}
    assert len(tags) == 3
