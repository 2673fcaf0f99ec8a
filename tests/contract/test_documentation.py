"""The documentation matches the service: its examples, and the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urljoin

import jsonschema_rs
import orjson
import pytest
from jsonschema_rs import Draft202012Validator
from sqlalchemy import Engine

from api.contract import PARTS, contract_endpoints
from api.docs.documentation import PAGES
from api.docs.examples import Example, examples
from api.docs.openapi import openapi, problems_of
from api.docs.try_form import form_of
from api.forecasts.planning import Planning
from api.operations import OPERATIONS
from api.schemas.facts import DegradedReason
from api.schemas.requests import Override
from errors import Code
from lifecycle.monitoring.records import Monitoring
from middleware.headers import JSON
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.database import writing
from storage.drift_events import DriftHistory
from storage.key_store import utc_now
from storage.outlier_events import NewOutlierEvent, OutlierEventStore, adopt_events
from storage.override_store import OverrideStore
from tests.contract.conftest import Client, FixedConditions, FixedServing, LocalRunners, client_of

EXAMPLES = examples()
DOCUMENT = openapi(OPERATIONS)


def assert_same_shape(documented: Any, actual: Any, at: str) -> None:
    """Fail unless names and types are equal; documented lists, levels and sums may be a subset."""
    if isinstance(documented, dict):
        assert documented.keys() == actual.keys() or (
            (".levels" in at or ".sums" in at) and documented.keys() < actual.keys()
        ), at
        for name, value in documented.items():
            assert_same_shape(value, actual[name], f"{at}.{name}")
    elif isinstance(documented, list):
        assert isinstance(actual, list), at
        for number, value in enumerate(documented):
            assert_same_shape(value, actual[number], f"{at}[{number}]")
    elif documented is not None and actual is not None:
        number = isinstance(documented, int | float) and isinstance(actual, int | float)
        assert number or isinstance(actual, type(documented)), (
            f"{at}: {documented!r} and {actual!r}"
        )


def validator(schema: dict[str, Any]) -> Any:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def operation_of(example: Example) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][example.path][example.method.lower()]
    return operation


@pytest.fixture
def client(serving_release: LoadedRelease, runners: LocalRunners, database: Engine) -> Client:
    """A server with stale data, like those of the demo."""
    old = DegradedReason("data", "The newest sales are of 2024-06-30.")
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    planning = Planning(OverrideStore(database))
    with writing(database) as connection:
        adopt_events(connection, "2024-06-30-aebae11dd9dc0c2f", [SPIKE], at=utc_now())
    return client_of(
        serving,
        planning=planning,
        monitoring=Monitoring(database),
        drift=DriftHistory(database),
        outliers=OutlierEventStore(database),
        conditions=FixedConditions([old]),
    )


SPIKE = NewOutlierEvent(
    kind="spike",
    severity="warning",
    node="store:3/family:DAIRY",
    series_column="sales",
    first=date(2024, 6, 27),
    last=date(2024, 6, 27),
    value=2515.0,
    expected=537.6,
    message="store:3/family:DAIRY sold 2,515 on 2024-06-27, where 538 were expected",
    replaced=False,
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.url)
def test_an_example_is_true(client: Any, example: Example) -> None:
    response = client.request(example.method, example.url, json=example.body)
    assert response.status_code == 200, response.text
    assert_same_shape(example.answer, response.json(), example.path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.url)
def test_request_and_answer_are_as_described(client: Any, example: Example) -> None:
    operation = operation_of(example)
    if example.body is not None:
        validator(operation["requestBody"]["content"][JSON]["schema"]).validate(example.body)
    actual = client.request(example.method, example.url, json=example.body).json()
    answer = validator(operation["responses"]["200"]["content"][JSON]["schema"])
    answer.validate(actual)
    answer.validate(example.answer)


def test_an_answer_with_an_undescribed_field_is_detected() -> None:
    example = next(each for each in EXAMPLES if each.path == "/predict/simple")
    schema = operation_of(example)["responses"]["200"]["content"][JSON]["schema"]
    with pytest.raises(jsonschema_rs.ValidationError):
        validator(schema).validate({**example.answer, "lower_8": 0})


def test_routes_and_described_operations_are_the_same(client: Any) -> None:
    nothing: Any = None  # the parts are asked for by requests only
    endpoints = contract_endpoints(nothing, nothing, dict.fromkeys(PARTS), nothing, seconds=1)
    routes = {(each.method, each.policy.route) for each in endpoints}
    pages = {("GET", path) for path in PAGES}
    operations = {(method.upper(), path) for path, of in DOCUMENT["paths"].items() for method in of}
    assert operations == routes - pages


@pytest.mark.parametrize("call", OPERATIONS, ids=lambda call: call.name)
def test_an_operation_has_a_summary_and_lists_every_problem(call: Any) -> None:
    operation = DOCUMENT["paths"][call.path][call.method.lower()]
    assert operation["summary"].endswith(".")
    text = str(operation["responses"])
    assert {code for code in Code if f"{code.anchor})" in text} == problems_of(call)


def test_operation_ids_are_stable_for_generated_clients() -> None:
    """Changing an id renames a function in every client, and so breaks the contract."""
    identifiers = [
        operation["operationId"] for of in DOCUMENT["paths"].values() for operation in of.values()
    ]
    assert identifiers == [
        *("forecast_node", "predict_simple", "predict_batch", "predict"),
        *("explain", "whatif", "hierarchy"),
        *("start_export", "list_exports", "read_export", "delete_export", "read_export_file"),
        *("preview_override", "create_override", "list_overrides", "value_overrides"),
        *("read_override", "withdraw_override"),
        *(
            "historical",
            "report_feedback",
            "read_feedback",
            "exceptions",
            "compare_with_year_before",
            "list_outliers",
            "acknowledge_outlier",
            "accuracy",
            "accuracy_by_series",
            "report_actuals",
            "model_metrics",
            "list_drift",
            "read_drift",
            "meta",
        ),
        *("caller", "sign_in_options"),
        *("v2_server", "v2_live", "v2_health_ready", "v2_model", "v2_models_mlrf_ready"),
        *("v2_infer", "health", "livez", "readyz", "healthz", "index"),
        *("metrics_prometheus", "metrics", "list_keys", "create_key", "rotate_key"),
        *("revoke_key", "audit_log", "reload_features", "reload_jobs", "reload_job"),
        *("start_training", "list_sources", "upload_table", "check_upload", "delete_source"),
        *("list_jobs", "read_job", "read_job_log", "cancel_job"),
        *("list_events", "resend_event"),
        *("list_models", "compare_models", "read_model", "read_model_metrics"),
        *("promote_model", "roll_back_model"),
        *("retire_model", "begin_shadow", "begin_canary", "read_rollout", "stop_rollout"),
    ]


def test_every_operation_has_a_tag_that_is_explained() -> None:
    explained = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    of_operations = {
        tag for of in DOCUMENT["paths"].values() for each in of.values() for tag in each["tags"]
    }
    assert of_operations == explained


@pytest.mark.parametrize("call", OPERATIONS, ids=lambda call: call.name)
def test_a_refusal_is_one_of_the_shared_responses(call: Any) -> None:
    responses = DOCUMENT["paths"][call.path][call.method.lower()]["responses"]
    for status in {str(code.status) for code in problems_of(call)}:
        name = responses[status]["$ref"].removeprefix("#/components/responses/")
        shared = DOCUMENT["components"]["responses"][name]
        schema = shared["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ProblemAnswer"}


def parts_of(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a document, without its examples."""
    if isinstance(node, dict):
        yield node
        for name, value in node.items():
            if name not in ("example", "examples"):
                yield from parts_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from parts_of(value)


def test_every_reference_resolves() -> None:
    references = {part["$ref"] for part in parts_of(DOCUMENT) if "$ref" in part}
    for reference in references:
        target: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            target = target[name]


def test_bounds_of_a_number_are_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    horizon, limit = schemas["Horizon"], schemas["HistoricalRequest"]["properties"]["limit"]
    assert (horizon["minimum"], horizon["maximum"]) == (1, 365)
    assert (limit["minimum"], limit["maximum"]) == (1, 1000)
    assert not [part for part in parts_of(DOCUMENT) if {"ge", "le", "gt", "lt"} & part.keys()]


def test_nothing_has_null_as_its_default() -> None:
    assert not [part for part in parts_of(DOCUMENT) if part.get("default", "") is None]


def test_an_optional_field_of_a_request_is_not_described_as_nullable() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for model in {call.body for call in OPERATIONS if call.body} | {Override}:
        properties_of_model = schemas[model.__name__]
        for name, field in properties_of_model["properties"].items():
            if name not in properties_of_model.get("required", ()):
                assert {"type": "null"} not in field.get("anyOf", ()), f"{model.__name__}.{name}"


def test_a_field_has_no_title_that_repeats_its_name() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        assert not [name for name, of in schema.get("properties", {}).items() if "title" in of]


def test_every_field_of_a_request_is_described() -> None:
    bodies = {
        call.body.__name__
        for call in OPERATIONS
        if call.body and not call.body.__module__.endswith("inference")  # the protocol's terms
    }
    schemas = DOCUMENT["components"]["schemas"]
    fields = [(name, *field) for name in bodies for field in schemas[name]["properties"].items()]
    assert [(name, field) for name, field, of in fields if not of.get("description")] == []
    assert ("SimpleRequest", "horizon") in {(name, field) for name, field, _ in fields}


def test_every_parameter_of_a_query_is_described() -> None:
    calls = [call for path in DOCUMENT["paths"].values() for call in path.values()]
    parameters = [parameter for call in calls for parameter in call["parameters"]]
    assert [each["name"] for each in parameters if not each.get("description")] == []
    assert "horizon" in {each["name"] for each in parameters}


def test_only_probes_and_machine_protocols_have_no_example(client: Any) -> None:
    """Probes, metrics, administration and the inference protocol need no example."""
    without = {call.path for call in OPERATIONS} - {example.path for example in EXAMPLES}
    quiet = ("/v2", "/admin", "/metrics")
    exempt = _PROBES | _OF_A_CREATED_ONE
    assert all(path.startswith(quiet) or path in exempt for path in without), without


_PROBES = {"/", "/livez", "/readyz", "/healthz"}
_OF_A_CREATED_ONE = {
    *("/overrides/{id}", "/outliers/{id}/acknowledge", "/feedback", "/feedback/{id}"),
    *("/drift/{id}", "/exports", "/exports/{id}", "/exports/{id}/file"),
}


def test_the_document_is_served_and_has_an_etag(client: Any) -> None:
    response = client.get("/openapi.json")
    assert response.json() == orjson.loads(orjson.dumps(DOCUMENT))
    tag = {"if-none-match": response.headers["etag"]}
    assert client.request("GET", "/openapi.json", headers=tag).status_code == 304


def test_the_docs_page_lists_every_call_and_loads_nothing_from_other_hosts(client: Any) -> None:
    response = client.get("/docs")
    page = response.text
    for call in OPERATIONS:
        assert f'{call.method}</span> <a href="#' in page
        assert f">{call.path}</a>" in page
    loaded = re.findall(r'src="([^"]*)"', page)
    assert loaded == ["docs/try.js"]
    assert not re.search(r'(href|src)="(?!#|data:,)[^"]*(^/|//)', page)
    assert client.get("/docs/style.css").headers["content-type"].startswith("text/css")


def test_the_docs_page_runs_one_script_of_this_server_and_no_inline_code(client: Any) -> None:
    response = client.get("/docs")
    policy = dict(
        part.strip().split(" ", 1)
        for part in response.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert re.findall(r"<script[^>]*>(.*?)</script>", response.text) == [""]
    assert not re.search(r"<[^>]* (on\w+|style)=", response.text)
    script = client.get("/docs/try.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert not re.search(r"localStorage|sessionStorage|cookie|innerHTML|eval\(", script.text)


def test_other_pages_run_no_script(client: Any) -> None:
    response = client.get("/docs/errors")
    assert "script-src" not in response.headers["content-security-policy"]
    assert "<script" not in response.text


@pytest.mark.parametrize("page", ["/docs", "/docs/errors"])
def test_links_of_a_page_stay_below_a_prefix(client: Any, page: str) -> None:
    """Behind a proxy with the prefix /mlrf/, an absolute /openapi.json would leave the service."""
    for target in re.findall(r'(?:href|src)="([^"]*)"', client.get(page).text):
        assert not target.startswith("/"), target
        if not target.startswith(("#", "data:", "https:")):
            path = urljoin(f"http://mlrf{page}", target).removeprefix("http://mlrf")
            assert client.get(path.partition("#")[0]).status_code == 200, target


@pytest.mark.parametrize("call", OPERATIONS, ids=lambda call: call.name)
def test_every_call_has_a_form_with_its_parameters_and_body(call: Any) -> None:
    operation = DOCUMENT["paths"][call.path][call.method.lower()]
    schemas = DOCUMENT["components"]["schemas"]
    form = form_of(call.method, call.path, operation, schemas)
    assert (form["method"], form["path"]) == (call.method, call.path)
    assert [field["name"] for field in form["parameters"]] == [
        parameter["name"] for parameter in operation["parameters"]
    ]
    if call.body:
        body = orjson.loads(form["bodies"][0]["text"])
        schema = operation["requestBody"]["content"][JSON]["schema"]
        assert set(body) >= set(schemas[schema["$ref"].rpartition("/")[2]].get("required", ()))


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_the_type_of_a_problem_leads_to_its_explanation(client: Any, code: Code) -> None:
    path, _, fragment = code.anchor.partition("#")
    assert f'id="{fragment}"' in client.get(path).text


def test_pages_work_without_a_model(client_without_model: Any) -> None:
    for path in ("/docs", "/docs/errors", "/openapi.json"):
        assert client_without_model.get(path).status_code == 200
