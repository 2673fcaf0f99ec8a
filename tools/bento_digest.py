"""Print a digest of the content of a Bento: two builds of the same commit print the same.

    .venv/bin/python tools/bento_digest.py FOLDER      # $(bentoml get mlrf:latest -o path)

Bentos themselves differ in every build, because bento.yaml contains the time. The digest covers the
SHA-256 and the path of each file in src/, from which the Bento serves, in the order of the paths.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from storage.artifacts import Store

SOURCES = "src"


@dataclass(frozen=True)
class Content:
    """The content of a Bento: its release, and the number and digest of its files."""

    bundle: str
    snapshot: str
    files: int
    sha256: str

    def __str__(self) -> str:
        return (
            f"bundle   {self.bundle}\nsnapshot {self.snapshot}\n"
            f"content  sha256:{self.sha256} ({self.files} files)"
        )


def digest_of(bento: Path) -> Content:
    """Return the content of a Bento's folder.

    Raises:
        ArtifactError: its artifacts have no current release.
    """
    sources = bento / SOURCES
    release = Store(sources / "models" / "artifacts").current()
    paths = sorted(path for path in sources.rglob("*") if path.is_file())
    total = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {path.relative_to(sources).as_posix()}\n".encode())
    return Content(release.bundle, release.snapshot, len(paths), total.hexdigest())


if __name__ == "__main__":
    print(digest_of(Path(sys.argv[1])))
