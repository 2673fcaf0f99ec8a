"""Administration of models: which there are, which one serves, and which one serves next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.requests import Request

from api.admin.administration import admin_operation
from api.http.acting import actor_of
from api.http.database import Result, as_sentence, call_database
from api.schemas.facts import MetricsAnswer
from api.schemas.models import (
    ComparisonAnswer,
    ComparisonQuery,
    FiguresAnswer,
    ListedModelAnswer,
    ModelChangeAnswer,
    ModelHistoryAnswer,
    ModelsAnswer,
    OriginsAnswer,
    OriginsOfBothAnswer,
    PromotionAnswer,
    PromotionRequest,
    ReasonRequest,
    ServedAnswer,
)
from api.schemas.verdict import build_verdict
from errors import Code, Problem
from lifecycle.comparison import compare_figures
from lifecycle.registry import Registry
from lifecycle.releases import (
    Promotion,
    RefusedChangeError,
    UnknownReleaseError,
)
from models.faults import public_message
from storage.artifacts import ArtifactError, UnwritableError

READING = frozenset({Code.MODELS_UNAVAILABLE})
_OF_ONE = READING | {Code.NOT_FOUND}
CHANGING = _OF_ONE | {Code.CONFLICT}


@admin_operation("GET", "/admin/models", error_codes=READING)
async def list_models(registry: Registry) -> ModelsAnswer:
    """List models and their states, the active one first."""
    releases = await call_registry(registry, registry.releases)
    return ModelsAnswer([ListedModelAnswer.from_attributes(each) for each in releases])


@admin_operation("GET", "/admin/models/compare", error_codes=CHANGING)
async def compare_models(registry: Registry, query: ComparisonQuery) -> ComparisonAnswer:
    """Compare the figures that two trainings recorded, by level and days ahead."""
    return await call_registry(registry, partial(_compare, registry, query.first, query.second))


@admin_operation("GET", "/admin/models/{bundle}", error_codes=_OF_ONE)
async def read_model(registry: Registry, request: Request) -> ModelHistoryAnswer:
    """Read a model, and how it came to its state."""
    return await call_registry(registry, partial(_read, registry, request.path_params["bundle"]))


@admin_operation("GET", "/admin/models/{bundle}/metrics", error_codes=CHANGING)
async def read_model_metrics(registry: Registry, request: Request) -> MetricsAnswer:
    """Return a model's metrics.json, as `/model-metrics` does for the active one."""

    def read() -> MetricsAnswer:
        release = registry.find(request.path_params["bundle"])
        return MetricsAnswer(release.bundle, registry.metrics(release))

    return await call_registry(registry, read)


@admin_operation("POST", "/admin/models/{bundle}/promote", error_codes=CHANGING)
async def promote_model(
    registry: Registry, payload: PromotionRequest, request: Request
) -> PromotionAnswer:
    """Serve a model from now on, on all workers and replicas; the one before is retired.

    It is verified and loaded first. Repeated, the request changes nothing.
    """
    return _promotion_answer(
        await call_registry(
            registry,
            partial(
                registry.promote,
                request.path_params["bundle"],
                by=actor_of(request),
                reason=payload.reason,
                snapshot=payload.snapshot,
                force=payload.force,
            ),
        )
    )


@admin_operation("POST", "/admin/models/{bundle}/rollback", error_codes=CHANGING)
async def roll_back_model(
    registry: Registry, payload: ReasonRequest, request: Request
) -> PromotionAnswer:
    """Go back from a model to the one that was active before, with the newest data that it fits.

    The model that is named must be the active one, so that a repeated request does not go back
    twice; it is rejected.
    """
    return _promotion_answer(
        await call_registry(
            registry,
            partial(
                registry.rollback,
                by=actor_of(request),
                reason=payload.reason,
                name=request.path_params["bundle"],
            ),
        )
    )


@admin_operation("POST", "/admin/models/{bundle}/retire", error_codes=CHANGING)
async def retire_model(
    registry: Registry, payload: ReasonRequest, request: Request
) -> ListedModelAnswer:
    """Take a model out of the choice; its files stay."""
    retire = partial(
        registry.retire,
        request.path_params["bundle"],
        by=actor_of(request),
        reason=payload.reason,
    )
    return ListedModelAnswer.from_attributes(await call_registry(registry, retire))


async def call_registry(registry: Registry, act: Callable[[], Result]) -> Result:
    """Call the registry in a thread and return its result.

    Raises:
        Problem: MODELS_UNAVAILABLE where the database or the volume fails; NOT_FOUND or CONFLICT
            where it refuses the call.
    """
    try:
        return await call_database(act, unavailable=Code.MODELS_UNAVAILABLE)
    except UnknownReleaseError as error:
        raise Problem(Code.NOT_FOUND, as_sentence(error)) from None
    except RefusedChangeError as error:
        raise Problem(Code.CONFLICT, as_sentence(error)) from None
    except UnwritableError as error:
        reason = public_message(error, registry.store.root)
        raise Problem(
            Code.MODELS_UNAVAILABLE,
            f"This server cannot write the artifacts ({reason}): promote the model from where they "
            "can be written.",
        ) from error
    except ArtifactError as error:
        reason = public_message(error, registry.store.root)
        raise Problem(Code.CONFLICT, f"It cannot be served: {reason}.") from error


def _read(registry: Registry, name: str) -> ModelHistoryAnswer:
    release, history = registry.history(name)
    changes = [ModelChangeAnswer.from_attributes(change) for change in history]
    verdict = registry.verdict(release)
    return ModelHistoryAnswer.from_attributes(
        release, changes=changes, verdict=build_verdict(verdict)
    )


def _compare(registry: Registry, first: str, second: str) -> ComparisonAnswer:
    both = [registry.find(first), registry.find(second)]
    compared = compare_figures(*map(registry.metrics, both))
    origins = {name: OriginsAnswer(**of) for name, of in compared["origins"].items()}
    return ComparisonAnswer(
        first=both[0].bundle,
        second=both[1].bundle,
        origins=OriginsOfBothAnswer(**origins),
        same_days=compared["same_days"],
        levels={
            level: {
                days: {name: FiguresAnswer(**pair) for name, pair in figures.items()}
                for days, figures in buckets.items()
            }
            for level, buckets in compared["levels"].items()
        },
    )


def _promotion_answer(done: Promotion) -> PromotionAnswer:
    before = None if done.before is None else ServedAnswer.from_attributes(done.before)
    return PromotionAnswer(before, ServedAnswer.from_attributes(done.after))
