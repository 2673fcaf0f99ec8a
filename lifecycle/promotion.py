"""From a training to what serves: the comparison with the model that serves, and the choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from errors import InputError
from features.data.snapshot_files import read_facts
from lifecycle.training_request import Outcome, Promote
from models.bundle import Bundle, load_bundle
from storage.artifacts import ArtifactError, Release, Store

Document = dict[str, Any]


class DemoRefusedError(InputError):
    """A model of the demo that would take the place of a retailer's."""


@dataclass(frozen=True)
class Trained:
    """A release that was trained.

    Attributes:
        served: whether it serves from now on; otherwise it is a candidate.
        verdict: `champion`, `outcome` and `why` of its comparison with the model that served; None
            where they were not compared.
    """

    release: Release
    served: bool
    verdict: Document | None


def train_and_promote(
    store: Store,
    train: Callable[[Bundle | None], Release],
    activate: Callable[[Release], object],
    *,
    promote: Promote,
    demo: bool,
    force: bool = False,
    on_unloadable: Callable[[ArtifactError], object] = lambda error: None,
) -> Trained:
    """Train a model, compare it with the one that serves, and serve it if it is to be.

    Args:
        train: trains a candidate, beside the champion that it is to be compared with, if any.
        activate: serves a release from now on.
        demo: whether it is trained on the built-in demo's tables.
        force: serve a model of the demo in place of a retailer's.
        on_unloadable: called where the model that serves cannot be compared with.

    Raises:
        DemoRefusedError: a retailer's model would be replaced by the demo's.
    """
    if demo and promote is not Promote.NEVER and not force:
        _refuse_demo_over_others(store)
    champion = None
    if promote is not Promote.ALWAYS and _serves_demo(store) is demo:
        champion = _load_champion(store, on_unloadable)
    release = train(champion)
    verdict: Document | None = None
    if champion is not None:
        verdict = store.read_build(release.bundle)["verdict"]
    served = promote is not Promote.NEVER
    if served and verdict is not None:
        served = Outcome(verdict["outcome"]) is Outcome.BETTER
    if served:
        activate(release)
    return Trained(release, served, verdict)


def _load_champion(store: Store, on_unloadable: Callable[[ArtifactError], object]) -> Bundle | None:
    """Return the model that serves; None if none does, or it can no longer be loaded."""
    try:
        return load_bundle(store.bundles / store.current().bundle)
    except ArtifactError as error:
        if store.pointer.exists():
            on_unloadable(error)
        return None


def _serves_demo(store: Store) -> bool:
    """Return whether data of the demo are served, whose model is no measure for a retailer's."""
    try:
        return read_facts(store.snapshots / store.current().snapshot).demo
    except ArtifactError:  # nothing is served
        return False


def _refuse_demo_over_others(store: Store) -> None:
    """Refuse to replace a retailer's model by the demo's.

    Raises:
        DemoRefusedError: data of a retailer are served.
    """
    try:
        serving = store.current()
        if read_facts(store.snapshots / serving.snapshot).demo:
            return
    except ArtifactError:  # nothing is served
        return
    raise DemoRefusedError(
        f"no tables were named, so this would train on the demo data and serve them in place of "
        f"{serving.bundle}: name the folder of your tables, or choose to promote never"
    )
