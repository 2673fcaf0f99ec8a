"""A store of bundles without models, and the registry of its releases."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from features.data.snapshot import SnapshotFacts
from features.data.snapshot_files import KIND as SNAPSHOT
from lifecycle.registry import Registry
from models.bundle import KIND as BUNDLE
from models.bundle import Bundle
from storage.artifacts import ArtifactError, Release, Store, seal, staging
from storage.audit import Actor
from storage.release_changes import ReleaseState
from tests.support.clock import Clock

ANNA = Actor("cli:anna", address="desk")
MARCH, APRIL, MAY = "2026-03-01", "2026-04-01", "2026-05-01"


class World:
    """A store with bundles that hold nothing but their manifests."""

    def __init__(self, root: Path, bundle: Bundle, engine: Engine, clock: Clock[datetime]) -> None:
        self.store = Store(root)
        self.engine = engine
        self.clock = clock
        self.refused: set[Release] = set()
        self.loaded: list[Release] = []
        self.registry = Registry(self.store, engine, clock=self.tick, load=self.load)
        self._facts = bundle.facts.model_dump(mode="json")

    def tick(self) -> datetime:
        self.clock.now += timedelta(minutes=1)
        return self.clock()

    def load(self, store: Store, release: Release) -> None:
        self.loaded.append(release)
        if release in self.refused:
            raise ArtifactError(store.bundles / release.bundle, "does not fit")

    def add_snapshot(self, origin: str, *, demo: bool = False) -> str:
        facts = SnapshotFacts.model_validate(
            {"first_date": "2020-01-01", "origin": origin, "known_through": origin, "demo": demo}
        )
        with staging(self.store.snapshots) as folder:
            return seal(
                folder, kind=SNAPSHOT, label=origin, facts=facts.model_dump(mode="json")
            ).name

    def add(self, through: str, *, demo: bool = False) -> Release:
        """Add a bundle, and the snapshot that it was trained on."""
        snapshot = self.add_snapshot(through, demo=demo)
        facts = self._facts | {"trained_through": through, "training_data": snapshot}
        with staging(self.store.bundles) as folder:
            made = seal(folder, kind=BUNDLE, label=through, facts=facts)
        return Release(made.name, snapshot)

    def states(self) -> dict[str, ReleaseState]:
        return {each.bundle[:10]: each.state for each in self.registry.releases()}
