"""Content-addressed folders, and the store that holds them.

Other packages import these names from here; the modules divide them by what they do.
"""

from storage.artifacts.files import ArtifactError, UnwritableError, read_regular, writing
from storage.artifacts.folders import MANIFEST, Artifact, describe, seal, staging, verify
from storage.artifacts.store import Release, Store

__all__ = [
    "MANIFEST",
    "Artifact",
    "ArtifactError",
    "Release",
    "Store",
    "UnwritableError",
    "describe",
    "read_regular",
    "seal",
    "staging",
    "verify",
    "writing",
]
