"""Registry of releases: the state of each, and how one takes the place of another.

``CURRENT`` is what servers follow; the database says which release that is, which ones it could
be, and who decided so, when and why. Where the two differ, servers are right: a release that
``CURRENT`` names, written by an older version or by hand, is *adopted* as the active one, and a
bundle that the database does not know as a candidate. So a registry can be begun, or lost and
begun anew, at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from sqlalchemy import Engine

from features.data.snapshot_files import read_facts
from lifecycle.open_changes import (
    ROLLBACK,
    OpenChanges,
    find_active_change,
    last_changes,
    with_previous,
)
from lifecycle.releases import (
    ListedRelease,
    Promotion,
    RefusedChangeError,
    UnknownReleaseError,
    check_promotion,
    find_active,
    find_previous,
    find_release,
)
from models.bundle import KIND as BUNDLE
from models.bundle import METRICS_FILE, BundleFacts
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store, describe, verify
from storage.audit import Actor
from storage.database import reading
from storage.key_store import utc_now
from storage.release_changes import (
    IN_TRIAL,
    ReleaseChange,
    ReleaseState,
    changing_releases,
    list_changes,
)

Document = dict[str, Any]

_log = structlog.get_logger(__name__)

REGISTRY = "registry"
"""Actor of changes that nobody asked the registry for: what it found."""
_FINDER = Actor(REGISTRY)
_IN_STORE = "found in bundles/"
_SERVED, _REPLACED = "named by CURRENT", "CURRENT names another"
_NEWER_DATA = "newer data"
_ATTEMPTS = 3


class Registry:
    """The releases of a store.

    Every method blocks on files and the database, and may raise StorageError.

    Args:
        clock: the time, aware.
        load: verifies and loads a release, so that none becomes active that cannot be served.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = utc_now,
        load: Callable[[Store, Release], object] = load_release,
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._load = load

    @property
    def store(self) -> Store:
        """The store of the artifacts."""
        return self._store

    def load(self, release: Release) -> None:
        """Verify and load a release, as a server would.

        Raises:
            ArtifactError: it cannot be served.
        """
        self._load(self._store, release)

    def adopt(self) -> None:
        """Record what the database does not know yet; every other method does so first."""
        self._read_changes(self._read_bundles())

    def releases(self) -> list[ListedRelease]:
        """Return all releases: the active one first, then by their last change, newest first."""
        bundles = self._read_bundles()
        listed = self._list(self._read_changes(bundles), bundles)
        listed.sort(
            key=lambda each: (each.state is ReleaseState.ACTIVE, each.changed), reverse=True
        )
        return listed

    def find(self, name: str) -> ListedRelease:
        """Return the release of a bundle, by its name or the only beginning that it has.

        Raises:
            UnknownReleaseError: there is none, or several.
        """
        return find_release(self.releases(), name)

    def metrics(self, release: ListedRelease) -> Document:
        """Return the figures that the training of a release recorded.

        Raises:
            ArtifactError: its bundle is gone or was altered.
        """
        folder = verify(self._store.bundles / release.bundle, kind=BUNDLE).path
        metrics: Document = orjson.loads((folder / METRICS_FILE).read_bytes())
        return metrics

    def verdict(self, release: ListedRelease) -> Document | None:
        """Return how a release compared, when it was trained, with the one that served then.

        None if they were not compared, or the record is gone. It has `champion`, the name of the
        other bundle; `outcome` (better, equal, worse or unknown); and `why`, a sentence.
        """
        verdict: Document | None = self._store.read_build(release.bundle).get("verdict")
        return verdict

    def history(self, name: str) -> tuple[ListedRelease, list[ReleaseChange]]:
        """Return the release of a bundle and its changes, oldest first.

        Raises:
            UnknownReleaseError: there is none, or several; see `find`.
        """
        bundles = self._read_bundles()
        changes = self._read_changes(bundles)
        release = find_release(self._list(changes, bundles), name)
        return release, [change for change in changes if change.bundle == release.bundle]

    def promote(
        self,
        name: str,
        *,
        by: Actor,
        reason: str = "",
        snapshot: str | None = None,
        force: bool = False,
    ) -> Promotion:
        """Make a release the active one; what was active is retired.

        It is verified and loaded first, with the newest snapshot that its model fits: that which is
        served, or its own.

        Args:
            name: of its bundle, or a beginning of it.
            snapshot: to serve instead.
            force: serve it though it was rejected, or is the demo's and other data are served.

        Raises:
            UnknownReleaseError: there is no such release, or no such snapshot.
            RefusedChangeError: it must be forced, with a reason.
            ArtifactError: it cannot be served; what was active still is.
        """

        def choose(listed: list[ListedRelease]) -> ListedRelease:
            wanted = find_release(listed, name)
            check_promotion(wanted, find_active(listed), reason=reason, force=force)
            return wanted

        return self._activate(
            choose, ReleaseState.RETIRED, "promote", by=by, reason=reason, snapshot=snapshot
        )

    def rollback(self, *, by: Actor, reason: str = "", name: str | None = None) -> Promotion:
        """Go back to the release that was active before; the one that is now is rejected.

        Its model serves the newest snapshot that it fits: newer data stay. Going back again leads
        further back.

        Args:
            name: of the bundle to go back from: refused if another one is active, so that a
                repeated request does not go back twice. By default whichever is active.

        Raises:
            UnknownReleaseError: there is no such release.
            RefusedChangeError: no release was active before, or its bundle is gone, or the one to
                go back from is not active.
            ArtifactError: it cannot be served; what was active still is.
        """

        def choose(listed: list[ListedRelease]) -> ListedRelease:
            if name is not None and (replaced := find_release(listed, name)) != find_active(listed):
                raise RefusedChangeError(
                    f"release {replaced.bundle} is {replaced.state}, and not active"
                )
            return find_previous(listed)

        return self._activate(choose, ReleaseState.REJECTED, ROLLBACK, by=by, reason=reason)

    def retire(self, name: str, *, by: Actor, reason: str = "") -> ListedRelease:
        """Take a candidate out of the choice, or a rejected release back into it.

        Raises:
            UnknownReleaseError: there is no such release.
            RefusedChangeError: it is active.
        """
        with self.changing() as changes:
            wanted = find_release(changes.releases(), name)
            if wanted.state is ReleaseState.ACTIVE:
                raise RefusedChangeError(
                    f"release {wanted.bundle} is active: promote another one, or roll back"
                )
            if wanted.state is not ReleaseState.RETIRED:
                changes.record(wanted.release, ReleaseState.RETIRED, "retire", by, reason)
            return find_release(changes.releases(), wanted.bundle)

    def divide_by_need(self, keep: int) -> tuple[list[ListedRelease], list[ListedRelease]]:
        """Return the releases that are not to be removed, and all others.

        Needed are the active one, one that is in trial beside it, the one that a rollback leads
        to, and the `keep` newest others.
        """
        listed = self.releases()
        needed = [each for each in listed if each.state in IN_TRIAL | {ReleaseState.ACTIVE}]
        with suppress(RefusedChangeError):  # there is none
            needed.append(find_previous(listed))
        needed += [each for each in listed if each.exists and each not in needed][:keep]
        return needed, [each for each in listed if each not in needed]

    def _activate(
        self,
        choose: Callable[[list[ListedRelease]], ListedRelease],
        state_of_previous: ReleaseState,
        action: str,
        *,
        by: Actor,
        reason: str,
        snapshot: str | None = None,
    ) -> Promotion:
        # Loading takes seconds, during which nobody should have to wait for the lock, and newer
        # data may be served or another release promoted. So what was decided is checked again.
        for _ in range(_ATTEMPTS):
            bundles = self._read_bundles()
            changes = self._read_changes(bundles)
            listed = self._list(changes, bundles)
            before, wanted = find_active(listed), choose(listed)
            try:
                target = self._load_fitting(wanted, before, snapshot)
            except ArtifactError as error:
                about = {"action": action, "bundle": wanted.bundle, "by": by.name}
                _log.error("release_change_failed", **about, reason=str(error))
                raise
            if before is not None and before.release == target:
                return Promotion(target, target)
            with self._changing(bundles) as open_changes:
                if open_changes.find_active() != find_active_change(changes):
                    continue
                if before is not None and before.bundle != target.bundle:
                    open_changes.record(before.release, state_of_previous, None, by, reason)
                open_changes.record(target, ReleaseState.ACTIVE, action, by, reason)
                # last: if it fails, the database forgets the change; if the database fails after
                # it, what CURRENT names is adopted
                self._store.promote(self._store.adapted(target))
            return Promotion(None if before is None else before.release, target)
        raise RefusedChangeError("other releases are being promoted at the same time: look again")

    def _load_fitting(
        self, wanted: ListedRelease, active: ListedRelease | None, snapshot: str | None
    ) -> Release:
        """Load a release with the newest snapshot that it fits, and return it."""
        if snapshot is not None and not self._has_snapshot(snapshot):
            raise UnknownReleaseError(f"there is no snapshot {snapshot[:100]!r}")
        own = Release(wanted.bundle, snapshot or wanted.snapshot)
        if snapshot is None and active is not None and active.demo == wanted.demo:
            newer = Release(wanted.bundle, active.snapshot)
            # names of snapshots begin with the date of their newest day
            if newer != own and newer.snapshot > own.snapshot:
                try:
                    self._load(self._store, newer)
                except ArtifactError:  # of another retailer or another form: its own fits
                    pass
                else:
                    return newer
        self._load(self._store, own)
        return own

    def _has_snapshot(self, name: str) -> bool:
        # by its name in the folder: a path would lead elsewhere
        return name in {folder.name for folder in self._store.snapshots.glob("[!.]*")}

    def _read_changes(self, bundles: Mapping[str, BundleFacts]) -> list[ReleaseChange]:
        """Return all changes, after what the database did not know was recorded."""
        with reading(self._engine) as connection:
            changes = list_changes(connection)
        if not _list_news(changes, bundles, self._read_current()):
            return changes  # most often, and without a lock for which others would wait
        with self._changing(bundles) as open_changes:
            return list_changes(open_changes.connection)

    @contextmanager
    def changing(self) -> Iterator[OpenChanges]:
        """Yield a transaction of changes, while no other process makes any."""
        with self._changing(self._read_bundles()) as changes:
            yield changes

    @contextmanager
    def _changing(self, bundles: Mapping[str, BundleFacts]) -> Iterator[OpenChanges]:
        """Yield a transaction under the lock, after what the database did not know was recorded.

        Args:
            bundles: those of the store; read before, because that takes a while on a busy volume.
        """
        with changing_releases(self._engine) as connection:
            changes = OpenChanges(connection, self._clock, partial(self._list, bundles=bundles))
            # CURRENT within it: promotions write it under this lock
            news = _list_news(list_changes(connection), bundles, self._read_current())
            for release, state, reason in news:
                changes.record(release, state, None, _FINDER, reason)
            yield changes
        changes.log_actions()

    def _read_current(self) -> Release | None:
        try:
            return self._store.current()
        except ArtifactError:  # servers report it
            return None

    def _read_bundles(self) -> dict[str, BundleFacts]:
        """Return the facts of the bundles whose manifests can be read, by name."""
        bundles = {}
        for folder in sorted(self._store.bundles.glob("[!.]*")):
            try:
                facts = describe(folder, kind=BUNDLE).facts
                bundles[folder.name] = BundleFacts.model_validate(facts)
            except (ArtifactError, ValidationError, KeyError):  # servers would refuse it too
                continue
        return bundles

    def _list(
        self, changes: Sequence[ReleaseChange], bundles: Mapping[str, BundleFacts]
    ) -> list[ListedRelease]:
        activated = {
            change.bundle: change.at
            for before, change in with_previous(changes)
            if change.state is ReleaseState.ACTIVE and before is not ReleaseState.ACTIVE
        }
        return [
            ListedRelease(
                bundle=bundle,
                snapshot=change.snapshot,
                state=change.state,
                changed=change.at,
                by=change.actor,
                reason=change.reason,
                activated=activated.get(bundle),
                trained_through=bundles[bundle].trained_through if bundle in bundles else None,
                demo=self._is_demo(change.snapshot),
                exists=bundle in bundles,
            )
            for bundle, change in last_changes(changes).items()
        ]

    def _is_demo(self, snapshot: str) -> bool:
        try:
            return read_facts(self._store.snapshots / snapshot).demo
        except ArtifactError:  # removed since
            return False


def _list_news(
    changes: Sequence[ReleaseChange],
    bundles: Mapping[str, BundleFacts],
    current: Release | None,
) -> list[tuple[Release, ReleaseState, str]]:
    """Return the changes that are to be recorded: new bundles, and what is served instead.

    Args:
        bundles: those of the store, by name.
        current: what is served; None if that is not known.
    """
    states = last_changes(changes)
    news = [
        (Release(bundle, facts.training_data), ReleaseState.CANDIDATE, _IN_STORE)
        for bundle, facts in bundles.items()
        if bundle not in states
    ]
    if current is None:
        return news
    known = states.get(current.bundle)
    if known is not None and known.state is ReleaseState.ACTIVE:
        if known.snapshot != current.snapshot:
            news.append((current, ReleaseState.ACTIVE, _NEWER_DATA))
        return news
    replaced = find_active_change(changes)
    if replaced is not None:
        before = Release(replaced.bundle, replaced.snapshot)
        news.append((before, ReleaseState.RETIRED, _REPLACED))
    return [*news, (current, ReleaseState.ACTIVE, _SERVED)]
