"""Operations on planners' overrides: preview, make, list and withdraw them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.forecasts.changes import ancestors_of
from api.forecasts.days import COMPUTED, translate_runner_errors
from api.forecasts.nodes import node_row, row_of_id
from api.forecasts.override_answers import Today
from api.forecasts.override_drafts import (
    Draft,
    describe_overrides,
    draft_override,
    overlapping_overrides,
)
from api.forecasts.planning import Plan, Planning
from api.forecasts.ways import way_through
from api.http.acting import IDEMPOTENCY, actor_of, client_name_of, idempotency_key_of
from api.http.database import as_sentence
from api.http.operation import operation
from api.http.pricing import OVERRIDE
from api.http.responses import json_response
from api.http.tags import Tag
from api.schemas.overrides import (
    NewOverrideAnswer,
    OverrideAnswer,
    OverrideRequest,
    OverridesAnswer,
    OverridesQuery,
)
from errors import Code, FieldError, Problem
from models.overrides import AdjustedForecast
from models.serving.forecaster import Forecaster
from storage.errors import StalePlanError, UnknownOverrideError
from storage.idempotency import IdempotencyKey
from storage.keys import Scope
from storage.override_store import OverrideFilter
from storage.overrides import OverrideState, StoredOverride

_DRAFTED = COMPUTED | {Code.INVALID_OVERRIDE, Code.CONFLICT}
_ATTEMPTS = 10
"""Times that an override is computed anew because another one was made meanwhile."""

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@operation(
    "POST",
    "/overrides/preview",
    Tag.PLANNING,
    scope=Scope.PLAN,
    cost=OVERRIDE,
    error_codes=_DRAFTED,
)
async def preview_override(
    forecaster: Forecaster, planning: Planning, payload: OverrideRequest, request: Request
) -> NewOverrideAnswer:
    """Compute what an override would change, without making it."""
    plan = await planning.plan(forecaster)
    await _refuse_conflict(planning, plan, payload)
    draft = await _draft(planning, plan, payload, request)
    preview = StoredOverride(
        **{name: getattr(draft.new, name) for name in draft.new.__dataclass_fields__},
        id=draft.number,
        created_at=plan.state.at,
        withdrawn_at=None,
        withdrawn_by=None,
        created_revision=plan.state.revision,
        withdrawn_revision=None,
    )
    return _new_answer(plan, draft, preview, number=None)


@operation(
    "POST",
    "/overrides",
    Tag.PLANNING,
    answer=NewOverrideAnswer,
    status=201,
    scope=Scope.PLAN,
    cost=OVERRIDE,
    headers=((IDEMPOTENCY, "Made by the caller: repeated, no second override."),),
    replayable=True,
    error_codes=_DRAFTED,
)
async def create_override(
    forecaster: Forecaster, planning: Planning, payload: OverrideRequest, request: Request
) -> Response:
    """Set, add to or multiply the forecast of a node on some days.

    The change is distributed to the bottom series in proportion to what they have, and all levels
    are added up again. Forecasts that are asked for with `adjusted` have it from then on.
    """
    idempotency = idempotency_key_of(request, f"overrides {payload.model_dump_json(by_alias=True)}")
    repeated = await planning.call(planning.store.find_repeated, idempotency)
    if repeated is not None:
        return await _repeat_answer(forecaster, planning, repeated)
    for _ in range(_ATTEMPTS):
        plan = await planning.plan(forecaster)
        await _refuse_conflict(planning, plan, payload)
        draft = await _draft(planning, plan, payload, request)
        try:
            stored = await planning.call(_creation(planning, plan, draft, request, idempotency))
        except StalePlanError:
            continue
        if stored.created_revision != plan.state.revision + 1:
            return await _repeat_answer(forecaster, planning, stored)
        answer = _new_answer(plan, draft, stored, number=stored.id)
        response = json_response(answer, status=201)
        response.headers["location"] = f"/overrides/{stored.id}"
        return response
    raise Problem(Code.CONFLICT, "Others make overrides at this moment; try again.")


@operation("GET", "/overrides", Tag.PLANNING, error_codes=COMPUTED)
async def list_overrides(
    forecaster: Forecaster, planning: Planning, query: OverridesQuery
) -> OverridesAnswer:
    """List overrides, the newest first, with what they do now and what they were worth."""
    snapshot = forecaster.release.engine.snapshot
    if query.node is not None:
        row_of_id(snapshot.hierarchy, query.node, pointer="node")
    plan = await planning.plan(forecaster)
    wanted = OverrideFilter(
        newest=snapshot.date_at(snapshot.newest_origin),
        node=query.node,
        state=None if query.state == "all" else OverrideState(query.state),
        first=query.first,
        last=query.last,
    )
    stored = await planning.call(planning.store.list, wanted, query.limit, query.before)
    today = await _today(plan)
    more = len(stored) == query.limit and stored[-1].id > 1
    return OverridesAnswer(
        overrides=[today.answer(each) for each in stored],
        next=stored[-1].id if more else None,
        revision=plan.state.revision,
    )


@operation("GET", "/overrides/{id}", Tag.PLANNING, error_codes=COMPUTED | {Code.NOT_FOUND})
async def read_override(
    forecaster: Forecaster, planning: Planning, request: Request
) -> OverrideAnswer:
    """Return an override, in any state."""
    plan = await planning.plan(forecaster)
    stored = await _call(planning, planning.store.find, _number_of(request))
    return (await _today(plan)).answer(stored)


@operation(
    "DELETE",
    "/overrides/{id}",
    Tag.PLANNING,
    scope=Scope.PLAN,
    error_codes=COMPUTED | {Code.NOT_FOUND},
)
async def withdraw_override(
    forecaster: Forecaster, planning: Planning, request: Request
) -> OverrideAnswer:
    """Withdraw an override: forecasts are as if it had not been made, and its record stays."""
    withdraw = partial(
        planning.store.withdraw,
        _number_of(request),
        client=client_name_of(request),
        by=actor_of(request),
    )
    stored = await _call(planning, withdraw)
    return (await _today(await planning.plan(forecaster))).answer(stored)


async def _call(planning: Planning, act: Any, *arguments: Any) -> StoredOverride:
    """Call the store; a number that it does not know is the problem NOT_FOUND."""
    try:
        stored: StoredOverride = await planning.call(act, *arguments)
    except UnknownOverrideError as error:
        raise Problem(Code.NOT_FOUND, as_sentence(error)) from None
    return stored


def _number_of(request: Request) -> int:
    text = request.path_params["id"]
    if not _NUMBER.fullmatch(text):
        raise Problem(Code.NOT_FOUND, f"There is no override {text[:40]!r}; they have numbers.")
    return int(text)


async def _today(plan: Plan) -> Today:
    snapshot = plan.forecaster.release.engine.snapshot
    with translate_runner_errors():
        whole = await plan.forecaster.whole(snapshot.newest_origin)
    return Today(snapshot, whole, plan.state.at)


async def _draft(
    planning: Planning, plan: Plan, payload: OverrideRequest, request: Request
) -> Draft:
    author, subject = client_name_of(request), actor_of(request).name
    return await draft_override(planning, plan, payload, author=author, subject=subject)


def _creation(
    planning: Planning,
    plan: Plan,
    draft: Draft,
    request: Request,
    idempotency: IdempotencyKey | None,
) -> partial[StoredOverride]:
    return partial(
        planning.store.create,
        draft.new,
        revision=plan.state.revision,
        by=actor_of(request),
        idempotency=idempotency,
    )


async def _refuse_conflict(planning: Planning, plan: Plan, payload: OverrideRequest) -> None:
    """Refuse a request whose planner does not know the newest overrides of the same series.

    Raises:
        Problem: CONFLICT, with who has changed what, and when.
    """
    seen, current = payload.revision, plan.state.revision
    if seen is None or seen == current:
        return
    snapshot = plan.forecaster.release.engine.snapshot
    row = node_row(snapshot, payload)
    if seen > current:
        raise _conflict(f"There is no revision {seen}; the newest is {current}")
    changed = await planning.call(planning.store.changed_since, seen, payload.first, payload.last)
    related = [*overlapping_overrides(snapshot.hierarchy, row, payload, changed)]
    if related:
        changes = _describe_changes(related, seen)
        raise _conflict(f"Since revision {seen}: {changes}. {_LOOK_AGAIN} (now {current})")


def _conflict(detail: str) -> Problem:
    """Return the problem of a stale revision, in words that a planner can be shown.

    Args:
        detail: a phrase, without a full stop.
    """
    # the revision is a page's matter, not the planner's, so the text does not begin with its name
    errors = [FieldError("/revision", detail)]
    return Problem(Code.CONFLICT, f"{detail}.", errors=errors)


_LOOK_AGAIN = "Look at the overrides again, and send the revision that you have looked at"


def _describe_changes(overrides: Sequence[StoredOverride], since: int) -> str:
    """Return who made or withdrew overrides after a revision, and when."""
    texts = []
    for each in overrides:
        withdrawn = each.withdrawn_revision is not None and each.withdrawn_revision > since
        at = each.withdrawn_at if withdrawn else each.created_at
        what = f"withdrawn by {each.withdrawn_by}" if withdrawn else "made"
        assert at is not None, "a withdrawal has its time"
        time = at.isoformat(timespec="seconds")
        texts.append(f"override {describe_overrides([each])} was {what} at {time}")
    return "; ".join(texts[:3]) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")


def _new_answer(
    plan: Plan, draft: Draft, stored: StoredOverride, *, number: int | None
) -> NewOverrideAnswer:
    """Return the answer about an override with all that it changes.

    Args:
        number: of the override; None for a preview.
    """
    snapshot = plan.forecaster.release.engine.snapshot
    hierarchy = snapshot.hierarchy
    changes = draft.changes(hierarchy)
    way = way_through(hierarchy, hierarchy.nodes[draft.row].level, None)
    effects = {stored.id: draft.after.effects[draft.number]}
    after = AdjustedForecast(draft.after.statistical, draft.after.result, effects)
    document = Today(snapshot, after, plan.state.at).document(stored)
    return NewOverrideAnswer(
        **document | {"id": number},
        ancestors=[changes.node(above) for above in ancestors_of(hierarchy, draft.row)],
        children=changes.children(draft.row, way, 1),
        warnings=list(draft.warnings),
        revision=stored.created_revision,
    )


async def _repeat_answer(
    forecaster: Forecaster, planning: Planning, stored: StoredOverride
) -> Response:
    """Return the answer to a repeated request: the override as it is now."""
    plan = await planning.plan(forecaster)
    document = (await _today(plan)).document(stored)
    answer = NewOverrideAnswer(
        **document, ancestors=[], children=[], warnings=[], revision=plan.state.revision
    )
    return json_response(answer, status=200)
