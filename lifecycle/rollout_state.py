"""Summary of the evidence of a rollout, for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.evidence import compare_times, mean_worse, total_of
from models.bundle import size_of
from storage.artifacts import Store
from storage.rollouts import Evidence, Role, Rollout

MEMORY_OF_BYTE = 2.2
"""Memory that a worker takes for each byte of a bundle whose data it has loaded already; measured
with bundles of 4 and of 23 MB."""


@dataclass(frozen=True)
class RoleCounts:
    """Answers of a role.

    Attributes:
        moved: mean relative difference of repeated answers; None for other roles.
    """

    role: Role
    answers: int
    failures: int
    moved: float | None


@dataclass(frozen=True)
class RolloutState:
    """Summary of the evidence of a rollout.

    Attributes:
        memory: bytes that each worker takes for the second release, about.
        roles: answers by role.
        at_share: answers of the canary at the present share.
        slower: share by which its answers take longer than those of the active release to the same
            calls; None until enough are known.
        worse: share by which its errors on the newest days are larger; None until it is known.
    """

    memory: int
    roles: tuple[RoleCounts, ...]
    at_share: int
    slower: float | None
    worse: float | None


def describe(rollout: Rollout, evidence: Sequence[Evidence], store: Store) -> RolloutState:
    """Return the summary of a rollout's evidence."""
    times = compare_times(evidence)
    return RolloutState(
        memory=estimate_memory(store, rollout.bundle),
        roles=tuple(_count_role(evidence, role) for role in Role),
        at_share=total_of(evidence, Role.CANARY, rollout.share).answers,
        slower=None if times is None else times.ratio - 1,
        worse=None if rollout.report is None else mean_worse(rollout.report),
    )


def estimate_memory(store: Store, bundle: str) -> int:
    """Return about how many bytes each worker takes for a bundle beside the active one."""
    return round(MEMORY_OF_BYTE * size_of(store.bundles / bundle))


def _count_role(evidence: Sequence[Evidence], role: Role) -> RoleCounts:
    counts = total_of(evidence, role)
    repeated = role is Role.SHADOW and counts.answers
    moved = counts.moved / counts.answers if repeated else None
    return RoleCounts(role, counts.answers, counts.failures, moved)
