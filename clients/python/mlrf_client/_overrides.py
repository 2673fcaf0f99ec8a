"""Planners' overrides: previewed, made, listed and withdrawn."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Literal

from mlrf_client._models import NewOverrideAnswer, OverrideAnswer, OverridesAnswer
from mlrf_client._operations import Value
from mlrf_client._parsing import parse
from mlrf_client._requests import Day, Request, Steps, name_node

Operator = Literal["set", "add", "multiply"]


def override(
    *,
    first: Day,
    last: Day,
    op: Operator,
    value: float,
    node: str | None = None,
    spread: Literal["day", "period"] | None = None,
    reason: str | None = None,
    note: str | None = None,
    expires_at: dt.datetime | None = None,
    revision: int | None = None,
    preview: bool = False,
    series: Mapping[str, Value] | None = None,
    **columns: Value,
) -> Steps[NewOverrideAnswer]:
    """Set, add to or multiply the forecast of a node on some days.

    Args:
        first: a day after the newest sales.
        last: a day that forecasts reach.
        value: units of the node, or a factor.
        spread: whether units are of each ``day``, as if left out, or of the whole ``period``.
        reason: such as ``promotion`` or ``event``.
        note: the reason in words.
        expires_at: time from which it no longer counts, with a time zone; never if left out.
        revision: of the answer that was looked at; refused if others changed the same since.
        preview: whether only to compute what it would change.
    """
    members = {
        **name_node(node, series, columns),
        "from": first,
        "to": last,
        "op": op,
        "value": value,
        "spread": spread,
        "reason": reason,
        "note": note,
        "expires_at": None if expires_at is None else expires_at.isoformat(),
        "revision": revision,
    }
    if preview:
        request = Request("POST", "/overrides/preview", members)
    else:  # a request that is sent again must not make a second override
        request = Request("POST", "/overrides", members, {"Idempotency-Key": str(uuid.uuid4())})
    return parse(NewOverrideAnswer, (yield request))


def overrides(
    *,
    node: str | None = None,
    state: Literal["active", "withdrawn", "expired", "over", "all"] | None = None,
    first: Day | None = None,
    last: Day | None = None,
    limit: int | None = None,
    before: int | None = None,
) -> Steps[OverridesAnswer]:
    """List overrides, the newest first: a page of them.

    Args:
        node: only those of this node.
        state: only those in this state.
        first, last: only those with a day from the one to the other.
        limit: most of a page; 50 if left out.
        before: `next` of the page before.
    """
    span = {"from": first, "to": last}
    members = {"node": node, "state": state, **span, "limit": limit, "before": before}
    return parse(OverridesAnswer, (yield Request("GET", "/overrides", members)))


def withdraw_override(number: int) -> Steps[OverrideAnswer]:
    """Withdraw an override: its effect ends, and its record stays."""
    return parse(OverrideAnswer, (yield Request("DELETE", f"/overrides/{number:d}")))
