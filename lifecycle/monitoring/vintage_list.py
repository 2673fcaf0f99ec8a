"""The vintages of a store, as their manifests describe them; needs no table library."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from storage.artifacts import Artifact, ArtifactError, Store, describe
from storage.performance import Vintage

KIND = "vintage"
FILE = "forecasts.parquet"


def list_vintages(store: Store) -> Iterator[Vintage]:
    """Yield the vintages of a store whose manifests can be read, the oldest origins first."""
    vintages = []
    for folder in store.vintages.glob("[!.]*"):
        try:
            vintages.append(describe_vintage(describe(folder, kind=KIND)))
        except ArtifactError:  # as if it were not there: what is left is scored
            continue
    yield from sorted(vintages, key=lambda each: (each.origin, each.name))


def describe_vintage(artifact: Artifact) -> Vintage:
    """Return a vintage by its manifest."""
    facts = artifact.facts
    return Vintage(
        name=artifact.name,
        bundle=facts["bundle"],
        snapshot=facts["snapshot"],
        origin=date.fromisoformat(facts["origin"]),
        trained_through=date.fromisoformat(facts["trained_through"]),
        step_days=facts["step_days"],
        days=facts["days"],
        bytes=artifact.manifest.files[FILE].size,
        adaptation=facts.get("adaptation"),
    )
