"""Content-addressed folders, and the store that holds them.

Other packages import these names from here; the modules divide them by what they do.
"""

from storage.artifacts.files import (
    STAGING,
    ArtifactError,
    UnwritableError,
    read_regular,
    replace_file,
    writing,
)
from storage.artifacts.folders import (
    LONGEST_MANIFEST,
    MANIFEST,
    Artifact,
    describe,
    install,
    is_intact,
    seal,
    staging,
    verify,
)
from storage.artifacts.store import LONGEST_POINTER, Pointer, Release, Store

__all__ = [
    "LONGEST_MANIFEST",
    "LONGEST_POINTER",
    "MANIFEST",
    "STAGING",
    "Artifact",
    "ArtifactError",
    "Pointer",
    "Release",
    "Store",
    "UnwritableError",
    "describe",
    "install",
    "is_intact",
    "read_regular",
    "replace_file",
    "seal",
    "staging",
    "verify",
    "writing",
]
