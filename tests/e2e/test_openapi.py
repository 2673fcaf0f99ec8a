"""Requests generated from the OpenAPI document, against a real server.

`MLRF_EXAMPLES=300 pytest tests/e2e/test_openapi.py` is the long form.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.operations import OPERATIONS
from api.schemas.requests import Override
from config.paths import ROOT
from storage.artifacts import Store
from tests.support.servers import Server, running

pytestmark = pytest.mark.e2e

KEY = "an-openapi-test-key"
EXAMPLES = os.environ.get("MLRF_EXAMPLES", "8")
CONFIGURATION = ROOT / "tests" / "contract" / "schemathesis.toml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, module_store: Store) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "data").mkdir()
    settings = {
        "AUTH_MODE": "required",
        "API_KEY": KEY,
        "DATA_DIR": str(folder / "data"),
        "TIERS": '{"anonymous": {"quota": 100000, "window": 10, "burst": 100000}}',
    }
    with running(folder, module_store, **settings) as started:
        started.wait_for("/readyz")
        yield started


def run_schemathesis(document: str, *options: str) -> None:
    """Run every check of schemathesis on every operation; fail with its report."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
            *("run", document, "--checks", "all", "--max-examples", EXAMPLES),
            *("--header", f"X-API-Key: {KEY}", "--header", f"Authorization: Bearer {KEY}"),
            *("--seed", "1", "--generation-database", "none", "--continue-on-failure", *options),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_requests_of_any_values_are_answered_as_described(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_bytes(orjson.dumps(as_accepted(server.get("/openapi.json").json())))
    run_schemathesis(str(file), "--url", server.url)


def test_requests_of_values_that_exist_are_answered_as_described(
    server: Server, tmp_path: Path
) -> None:
    """Generated stores and dates are mostly refused; known ones test the successful answers."""
    known = tmp_path / "openapi.json"
    known.write_bytes(orjson.dumps(with_known_values(server)))
    run_schemathesis(str(known), "--url", server.url)


def as_accepted(document: dict[str, Any]) -> dict[str, Any]:
    """Extend the document by what the server accepts although clients should not send it.

    Null counts as an absent field, and a wrong item of a batch has a problem in its place.
    """
    schemas = document["components"]["schemas"]
    for model in {call.body for call in OPERATIONS if call.body} | {Override}:
        properties = schemas[model.__name__]["properties"]
        for name, field in model.model_fields.items():
            if not field.is_required() and field.default is None:
                alias = field.alias or name
                properties[alias] = {"anyOf": [properties[alias], {"type": "null"}]}
    schemas["BatchRequest"]["properties"]["predictions"]["items"] = {}
    return document


def with_known_values(server: Server) -> dict[str, Any]:
    """Return the document, restricted to stores, families and days that the server knows."""
    with_key = {"headers": {"X-API-Key": KEY}}
    meta = server.request("GET", "/meta", **with_key).json()
    values: dict[str, list[Any]] = {
        "store_nbr": [store["store_nbr"] for store in meta["stores"]],
        "family": meta["families"],
        "date": [meta["data"]["last"], meta["data"]["first"]],
        "from": [meta["data"]["first"]],
        "to": [meta["data"]["last"]],
        "node": ["total", *(f"family:{family}" for family in meta["families"])],
    }
    document = as_accepted(server.get("/openapi.json").json())
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Request"):
            for field in values.keys() & schema["properties"].keys():
                optional = field not in schema.get("required", ())
                schema["properties"][field]["enum"] = values[field] + [None] * optional
    for parameter in document["paths"]["/hierarchy"]["get"]["parameters"]:
        if parameter["name"] in values:
            parameter["schema"]["enum"] = values[parameter["name"]]
    return document
