"""The result of a rule: findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.checks.manifests import Manifests


@dataclass(frozen=True)
class Finding:
    """A violation of a rule by an object.

    Attributes:
        where: the object, as kind/name.
        what: the fault, as a phrase.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


Rule = Callable[[Manifests], Iterator[Finding]]
