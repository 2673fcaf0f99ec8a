"""The calls of the HTTP contract: which function answers which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import inference
from api.answers import answer
from api.batch import predict_batch
from api.call import Answering, Call, Unaided
from api.documentation import Documentation
from api.explain import explain
from api.hierarchy import hierarchy
from api.historical import historical
from api.meta import meta
from api.predict import predict, predict_simple
from api.quality import accuracy, model_metrics
from api.schemas.facts import (
    AccuracyAnswer,
    HealthAnswer,
    HistoricalAnswer,
    IndexAnswer,
    MetaAnswer,
    MetricsAnswer,
    StatusAnswer,
)
from api.schemas.forecasts import BatchAnswer, HierarchyAnswer, RowAnswer, SimpleAnswer
from api.schemas.inference import (
    InferAnswer,
    InferRequest,
    LiveAnswer,
    ModelAnswer,
    ReadyAnswer,
    ServerAnswer,
)
from api.schemas.reasons import ExplainAnswer, WhatifAnswer
from api.schemas.requests import (
    BatchRequest,
    ExplainRequest,
    HierarchyQuery,
    HistoricalRequest,
    RowRequest,
    SimpleRequest,
    WhatifRequest,
)
from api.status import alive, health, ready
from api.whatif import whatif
from errors import Code
from models.forecaster import Forecaster

_COMPUTED = frozenset({Code.INFERENCE_FAILED})


async def index(request: Request) -> Response:
    """What there is."""
    return answer(IndexAnswer("mlrf", ["/docs", "/openapi.json", *(call.path for call in CALLS)]))


CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/predict/simple",
        function=predict_simple,
        body=SimpleRequest,
        answer=SimpleAnswer,
        problems=_COMPUTED,
    ),
    Call(
        method="POST",
        path="/predict/batch",
        function=predict_batch,
        body=BatchRequest,
        answer=BatchAnswer,
        tables=True,
        problems=_COMPUTED | {Code.BATCH_TOO_LARGE},
    ),
    Call(
        method="POST",
        path="/predict",
        function=predict,
        body=RowRequest,
        answer=RowAnswer,
        problems=_COMPUTED,
    ),
    Call(
        method="POST",
        path="/explain",
        function=explain,
        body=ExplainRequest,
        answer=ExplainAnswer,
        problems=_COMPUTED | {Code.EXPLANATION_UNAVAILABLE},
    ),
    Call(
        method="POST",
        path="/whatif",
        function=whatif,
        body=WhatifRequest,
        answer=WhatifAnswer,
        problems=_COMPUTED,
    ),
    Call(
        method="GET",
        path="/hierarchy",
        function=hierarchy,
        query=HierarchyQuery,
        answer=HierarchyAnswer,
        lasting=True,
        problems=_COMPUTED,
    ),
    Call(
        method="POST",
        path="/historical",
        function=historical,
        body=HistoricalRequest,
        answer=HistoricalAnswer,
    ),
    Call(method="GET", path="/accuracy", function=accuracy, answer=AccuracyAnswer, lasting=True),
    Call(
        method="GET",
        path="/model-metrics",
        function=model_metrics,
        answer=MetricsAnswer,
        lasting=True,
    ),
    Call(method="GET", path="/meta", function=meta, answer=MetaAnswer, lasting=True),
    Call(method="GET", path="/v2", function=inference.server, answer=ServerAnswer),
    Call(
        method="GET",
        path="/v2/health/live",
        function=inference.live,
        answer=LiveAnswer,
        model=False,
    ),
    Call(method="GET", path="/v2/health/ready", function=inference.ready, answer=ReadyAnswer),
    Call(method="GET", path="/v2/models/mlrf", function=inference.model, answer=ModelAnswer),
    Call(method="GET", path="/v2/models/mlrf/ready", function=inference.ready, answer=ReadyAnswer),
    Call(
        method="POST",
        path="/v2/models/mlrf/infer",
        function=inference.infer,
        body=InferRequest,
        answer=InferAnswer,
        problems=_COMPUTED | {Code.INVALID_FEATURES},
    ),
    Call(method="GET", path="/health", function=health, answer=HealthAnswer),
    Call(method="GET", path="/livez", function=alive, answer=StatusAnswer, model=False),
    Call(method="GET", path="/readyz", function=ready, answer=StatusAnswer),
    Call(method="GET", path="/healthz", function=ready, answer=StatusAnswer),
    Call(method="GET", path="/", function=index, answer=IndexAnswer, model=False),
)


class Serving(Protocol):
    """Gives the forecaster that serves now."""

    def forecaster(self) -> Forecaster:
        """Raises Problem MODEL_UNAVAILABLE where there is none."""
        ...


class Routes:
    """The contract's endpoints over what is being served."""

    def __init__(self, serving: Callable[[], Serving]) -> None:
        self._serving = serving

    def table(self) -> list[Route]:
        return [
            *Documentation(CALLS).table(),
            *(Route(call.path, self._endpoint(call), methods=[call.method]) for call in CALLS),
        ]

    def _endpoint(self, call: Call) -> Unaided:
        """A call with the forecaster that serves when it comes, and to its end."""
        if not call.model:
            return cast(Unaided, call.function)
        function = cast(Answering, call.function)

        async def endpoint(request: Request) -> Response:
            return await function(self._serving().forecaster(), request)

        return endpoint
