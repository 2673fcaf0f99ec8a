"""What a rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.checks.manifests import Manifests


@dataclass(frozen=True)
class Finding:
    """A rule that an object breaks.

    Attributes:
        where: the object, as kind/name.
        what: what is wrong, as a phrase.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


Rule = Callable[[Manifests], Iterator[Finding]]
