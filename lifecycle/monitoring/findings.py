"""Findings of the tests of drift, and the events that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from storage.drift_events import Detector, DriftEvent, Severity

QUIET_DAYS = 3
"""Days for which a figure of the inputs must be below its lower limit for its event to close."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a test says about some days.

    Attributes:
        ratio: the figure over the limit at which an event opens.
        closed: day on which it was over; None if it is not, or if the test cannot say.
        Others: as in `DriftEvent`.
    """

    detector: Detector
    subject: str
    bucket: str = ""
    severity: Severity
    figure: float
    reference: float
    ratio: float = 1.0
    since: date
    opened: date
    closed: date | None = None
    message: str
    look: str


def update_from_spans(
    bundle: str, findings: Sequence[Finding], known: Sequence[DriftEvent], judged: date
) -> list[DriftEvent]:
    """Return new and changed events of findings that state by themselves when they were over.

    Args:
        findings: of all days that are judged, also of those that were judged before.
        known: events of the same tests that are stored: the open ones, and those that were noticed
            on one of the days.
        judged: the last of the days.
    """
    stored = {(*event.key, event.opened): event for event in known}
    still_open = {event.key: event for event in known if event.closed is None}
    changed = []
    for finding in sorted(findings, key=lambda each: (each.opened, each.detector, each.subject)):
        key = (finding.detector, finding.subject)
        event = stored.pop((*key, finding.opened), None)
        if event is None and finding.closed is None:
            # corrected sales, or days that are judged no more, may move the day it was noticed
            event = still_open.get(key)
            if event is not None:
                stored.pop((*key, event.opened), None)
        made = _make_event(bundle, finding, judged)
        if event is None:
            changed.append(made)
        elif event.closed is None:
            changed.append(replace(made, id=event.id, opened=event.opened))
    # an open event that no day shows any more was one of sales that were corrected since
    changed += [
        replace(event, closed=judged, judged=judged)
        for event in stored.values()
        if event.closed is None
    ]
    return changed


def update_from_figures(
    bundle: str, findings: Sequence[Finding], known: Sequence[DriftEvent], judged: date
) -> list[DriftEvent]:
    """Return new and changed events of findings about one day, with hysteresis.

    An event opens where a finding's ratio is at least 1. It closes once no finding, whose ratios
    are at least the lower limit, was made of it for `QUIET_DAYS`.

    Args:
        known: open events of the same tests.
        judged: the day.
    """
    by_key = {(finding.detector, finding.subject): finding for finding in findings}
    changed = []
    for event in known:
        finding = by_key.pop((event.detector, event.subject), None)
        if finding is not None:
            made = _make_event(bundle, finding, judged)
            changed.append(
                replace(made, id=event.id, opened=event.opened, since=event.since, quiet=None)
            )
            continue
        quiet = event.quiet or judged
        over = judged - quiet >= timedelta(QUIET_DAYS)
        changed.append(replace(event, quiet=quiet, judged=judged, closed=judged if over else None))
    changed += [
        _make_event(bundle, finding, judged) for finding in by_key.values() if finding.ratio >= 1
    ]
    return [event for event in changed if event not in known]


def _make_event(bundle: str, finding: Finding, judged: date) -> DriftEvent:
    return DriftEvent(
        bundle=bundle,
        detector=finding.detector,
        subject=finding.subject,
        bucket=finding.bucket,
        severity=finding.severity,
        figure=finding.figure,
        reference=finding.reference,
        since=finding.since,
        opened=finding.opened,
        judged=judged,
        closed=finding.closed,
        message=finding.message,
        look=finding.look,
    )
