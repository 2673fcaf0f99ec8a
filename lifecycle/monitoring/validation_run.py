"""The validation of what is active now, and its record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Engine

from config.margins import Margins
from lifecycle.jobs import now
from lifecycle.monitoring.validation import Rival, Role, Validation, validate
from lifecycle.registry import Registry
from lifecycle.releases import ListedRelease, RefusedChangeError, find_previous
from models.engine import Progress
from models.serving.release import load_engine
from storage.artifacts import ArtifactError, Release
from storage.database import writing
from storage.release_changes import IN_TRIAL, ReleaseState
from storage.validations import StoredValidation, add_validation


def run_validation(
    registry: Registry,
    database: Engine,
    *,
    days: int,
    margins: Margins,
    candidate: str | None = None,
    enter: Callable[[str], object] = lambda phase: None,
    advance: Progress = lambda done, total: None,
) -> Validation:
    """Validate the active release beside a candidate and the one before it, and record it.

    Args:
        candidate: name of its bundle; the newest one, if there is one, by default.

    Raises:
        ArtifactError: nothing is served, or it is damaged.
        UnknownReleaseError: there is no such candidate.
        StorageError: the database fails.
    """
    store = registry.store
    active = store.current()
    validation = validate(
        load_engine(store, active),
        [
            rival
            for role, each in _choose_rivals(registry, candidate).items()
            if (rival := _load(registry, role, each, active)) is not None
        ],
        days=days,
        margins=margins,
        enter=enter,
        advance=advance,
    )
    with writing(database) as connection:
        add_validation(
            connection,
            StoredValidation(
                at=now(),
                bundle=active.bundle,
                snapshot=active.snapshot,
                verdict=validation.verdict.value,
                report=validation.report,
            ),
        )
    return validation


def _choose_rivals(registry: Registry, candidate: str | None) -> dict[Role, ListedRelease]:
    listed = registry.releases()
    rivals: dict[Role, ListedRelease] = {}
    if candidate is not None:
        rivals[Role.CANDIDATE] = registry.find(candidate)
    else:
        waiting = [
            each
            for each in listed
            if each.exists and each.state in IN_TRIAL | {ReleaseState.CANDIDATE}
        ]
        if waiting:
            rivals[Role.CANDIDATE] = max(waiting, key=lambda each: each.changed)
    with suppress(RefusedChangeError):  # none was active before
        rivals[Role.PREVIOUS] = find_previous(listed)
    return rivals


def _load(registry: Registry, role: Role, rival: ListedRelease, active: Release) -> Rival | None:
    """Load a release with the data that are served; None where they do not fit each other."""
    try:
        engine = load_engine(registry.store, Release(rival.bundle, active.snapshot))
    except ArtifactError:
        return None
    verdict = registry.verdict(rival)
    compared = verdict is not None and verdict.get("champion") == active.bundle
    return Rival(role, engine, verdict["outcome"] if verdict and compared else None)
