"""Releases as the registry lists them, and the rules of their changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from errors import InputError
from storage.artifacts import Release
from storage.release_changes import ReleaseState


class UnknownReleaseError(InputError):
    """There is no such release, or the name is that of several."""


class RefusedChangeError(InputError):
    """A change that the state of the releases does not allow; the message says what would."""


@dataclass(frozen=True)
class ListedRelease:
    """A bundle, with the snapshot that it serves, and its state.

    Attributes:
        snapshot: the one that it serves or served last; of a candidate, the one of its training.
        changed: time of the last change of its state, aware; `by` and `reason` are of that change.
        activated: the last time at which it became the active one; None if it never did.
        trained_through: the last day that its model has seen; None where the bundle is gone.
        demo: whether its data are the built-in demo's.
        exists: whether its bundle is in the store.
    """

    bundle: str
    snapshot: str
    state: ReleaseState
    changed: datetime
    by: str
    reason: str
    activated: datetime | None
    trained_through: date | None
    demo: bool
    exists: bool

    @property
    def release(self) -> Release:
        return Release(self.bundle, self.snapshot)


@dataclass(frozen=True)
class Promotion:
    """A change of the active release.

    Attributes:
        before: what was active; None if nothing was.
        after: what is active now; equal to `before` if it was already.
    """

    before: Release | None
    after: Release


def find_active(listed: Sequence[ListedRelease]) -> ListedRelease | None:
    """Return the active release, or None."""
    return next((each for each in listed if each.state is ReleaseState.ACTIVE), None)


def find_release(listed: Sequence[ListedRelease], name: str) -> ListedRelease:
    """Return the release of a bundle, by its name or the only beginning that it has.

    Raises:
        UnknownReleaseError: there is none, or several.
    """
    exact = [each for each in listed if each.bundle == name]
    matches = exact or [each for each in listed if each.bundle.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(sorted(each.bundle for each in matches or listed)) or "none"
    several, none = f"{name!r} is the beginning of several", f"there is no release {name!r}"
    problem = several if matches else none
    raise UnknownReleaseError(f"{problem}; there is {names}")


def find_previous(listed: list[ListedRelease]) -> ListedRelease:
    """Return the release that was active before, of those that are good to go back to.

    Raises:
        RefusedChangeError: there is none, or its bundle is gone.
    """
    earlier = [
        each for each in listed if each.state is ReleaseState.RETIRED and each.activated is not None
    ]
    if not earlier:
        others = [each.bundle for each in listed if each.state is not ReleaseState.ACTIVE]
        there_is = f"; promote one of {', '.join(others)}" if others else ""
        raise RefusedChangeError(
            f"there is no release to go back to, because none was active before{there_is}"
        )
    previous = max(earlier, key=lambda each: each.activated or each.changed)
    if not previous.exists:
        raise RefusedChangeError(
            f"the bundle of release {previous.bundle}, which was active before, is gone: promote "
            "another one"
        )
    return previous


def check_promotion(
    wanted: ListedRelease, active: ListedRelease | None, *, reason: str, force: bool
) -> None:
    """Refuse to promote what must be forced, unless it is, with a reason.

    Raises:
        RefusedChangeError: it is not.
    """
    if not wanted.exists:
        raise RefusedChangeError(f"the bundle of release {wanted.bundle} is gone")
    faults = []
    if wanted.state is ReleaseState.REJECTED:
        faults.append(
            f"it was rejected on {wanted.changed:%Y-%m-%d} ({wanted.reason or wanted.by})"
        )
    if wanted.demo and active is not None and not active.demo:
        faults.append("it is of the demo data, and data of a retailer are served")
    if faults and not (force and reason):
        raise RefusedChangeError(
            f"release {wanted.bundle} is not promoted: {'; '.join(faults)}. To do so all the same, "
            "force it, and give a reason"
        )
