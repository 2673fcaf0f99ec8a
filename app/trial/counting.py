"""Counts of answers during a rollout, until they are added to the database."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from storage.rollouts import Counts, Evidence, Role

MOST_CALLS = 200
"""Kinds of calls that are counted by themselves; further ones are counted together."""
OTHER = "other"
_LEAST_SECONDS = 1e-6


class EvidenceCounts:
    """Counts by role, kind of call and share of the callers."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Role, str, float], Counts] = {}

    def add(
        self,
        role: Role,
        call: str,
        share: float,
        *,
        failed: bool,
        seconds: float,
        moved: float = 0.0,
    ) -> None:
        """Count an answer.

        Args:
            seconds: that it took; of a repeated request, the ratio to the first answer's.
            moved: relative difference of a repeated answer from the first one.
        """
        key = (role, call, share)
        if key not in self._counts and len(self._counts) >= MOST_CALLS:
            key = (role, OTHER, share)
        logarithm = log(max(seconds, _LEAST_SECONDS))
        added = Counts(1, int(failed), logarithm, logarithm**2, moved)
        self._counts[key] = self._counts.get(key, Counts()) + added

    def take(self) -> list[Evidence]:
        """Return the counts, and begin anew."""
        taken = list(self._evidence())
        self._counts = {}
        return taken

    def put_back(self, evidence: list[Evidence]) -> None:
        """Count again what could not be added to the database."""
        for each in evidence:
            key = (each.role, each.call, each.share)
            self._counts[key] = self._counts.get(key, Counts()) + each.counts

    def _evidence(self) -> Iterator[Evidence]:
        for (role, call, share), counts in self._counts.items():
            yield Evidence(role, call, share, counts)
