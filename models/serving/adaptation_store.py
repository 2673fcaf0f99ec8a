"""Adaptations as artifacts: the facts of a manifest, so that their name proves their content."""

from __future__ import annotations

from dataclasses import replace

from models.adaptation import Adaptation
from storage.artifacts import ArtifactError, Store, seal, staging, verify

KIND = "adaptation"


def keep_adaptation(store: Store, adaptation: Adaptation) -> Adaptation:
    """Write an adaptation, and return it with its name.

    Raises:
        UnwritableError: the folder cannot be written.
    """
    label = f"{adaptation.bundle}.{adaptation.through}"
    with staging(store.adaptations) as folder:
        artifact = seal(folder, kind=KIND, label=label, facts=adaptation.to_json())
    return replace(adaptation, name=artifact.name)


def load_adaptation(store: Store, name: str, *, bundle: str) -> Adaptation:
    """Load an adaptation.

    Raises:
        ArtifactError: it is missing or altered, or is of another bundle.
    """
    artifact = verify(store.adaptations / name, kind=KIND)
    try:
        adaptation = Adaptation.from_json(artifact.facts, name=name)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(artifact.path, f"is not an adaptation ({error})") from error
    if adaptation.bundle != bundle:
        raise ArtifactError(artifact.path, f"is of bundle {adaptation.bundle}, not {bundle}")
    return adaptation
