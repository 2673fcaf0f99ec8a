"""Builds the Bento: what bentofile.yaml includes of this checkout, with one bundle and snapshot.

    .venv/bin/python scripts/build_bento.py                      # the release that is served now
    .venv/bin/python scripts/build_bento.py --bundle NAME --snapshot NAME

The Bento is put together in a folder of its own, so that what else lies in ARTIFACTS_DIR, or
uninvited in the checkout, stays out; its version is the project's. One of that version that was
built before is replaced.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bentoml
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artifacts import ArtifactError, Release, Store
from models.release import load_release
from scripts.bento_digest import digest_of
from settings import ROOT, get_settings
from version import __version__

ARTIFACTS = "models/artifacts"
BENTOFILE = "bentofile.yaml"
DOCKERFILE = Path("deploy/image/Dockerfile")  # BentoML keeps it beside what is included
REVISION = "org.opencontainers.image.revision"
TAG = f"mlrf:{__version__}"


def main() -> None:
    asked = _arguments()
    store = get_settings().store
    try:
        release = chosen(store, asked.bundle, asked.snapshot)
        with tempfile.TemporaryDirectory(prefix="mlrf-bento-") as folder:
            context = Path(folder)
            stage_sources(context)
            stage_release(store, release, Store(context / ARTIFACTS))
            bento = _build(context)
    except ArtifactError as error:
        raise SystemExit(f"build: {error}") from None
    print(digest_of(bento))


def chosen(store: Store, bundle: str | None, snapshot: str | None) -> Release:
    """The release to carry: what is named, and of the serving release what is not.

    Raises:
        ArtifactError: nothing is served, and not both are named.
    """
    if bundle and snapshot:
        return Release(bundle, snapshot)
    current = store.current()
    return Release(bundle or current.bundle, snapshot or current.snapshot)


def stage_sources(context: Path) -> None:
    """Copy what the bentofile includes, links as the files that they lead to."""
    for path in (Path(BENTOFILE), DOCKERFILE, *included()):
        destination = context / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, destination)
        destination.chmod(0o755 if (ROOT / path).stat().st_mode & 0o100 else 0o644)


def included() -> Iterator[Path]:
    """Files of the checkout that the bentofile includes, but artifacts."""
    patterns: list[str] = yaml.safe_load((ROOT / BENTOFILE).read_text(encoding="utf-8"))["include"]
    for pattern in (pattern.removeprefix("/") for pattern in patterns):
        if pattern.startswith(ARTIFACTS):
            continue
        found = sorted(path for path in ROOT.glob(pattern) if path.is_file())
        if not found:
            raise SystemExit(f"build: {BENTOFILE} includes {pattern}, which is not there")
        yield from (path.relative_to(ROOT) for path in found)


def stage_release(store: Store, release: Release, staged: Store) -> None:
    """Copy a release with its forecasts, make it the serving one there, and load it like a server.

    Forecasts that are not there yet are made, so that no server has to.

    Raises:
        ArtifactError: a part is missing or altered, or they do not fit each other.
    """
    for parent, name in ((store.bundles, release.bundle), (store.snapshots, release.snapshot)):
        if not (parent / name).is_dir():
            raise ArtifactError(parent / name, "does not exist")
        shutil.copytree(parent / name, staged.root / parent.name / name)
    for made in store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*"):
        shutil.copytree(made, staged.forecasts / made.name)
    load_release(staged.promote(release), release)


def _build(context: Path) -> Path:
    """Build the Bento in BentoML's store, and give its folder."""
    subprocess.run([*BENTOML, "delete", "--yes", TAG], cwd=context, capture_output=True)
    label = f"{REVISION}={revision()}"
    subprocess.run(
        [*BENTOML, "build", "--version", __version__, "--label", label], cwd=context, check=True
    )
    return Path(bentoml.get(TAG).path)  # what the command prints is broken into lines


BENTOML = (sys.executable, "-m", "bentoml")


def revision() -> str:
    """The commit that is built, with a mark where files differ from it."""
    return git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")


def git(*arguments: str) -> str:
    """What git says of the checkout, or `unknown` where the tree is without its history."""
    try:
        told = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", help="name of the bundle to carry; that which is served now")
    parser.add_argument("--snapshot", help="name of the snapshot; that which is served now")
    return parser.parse_args()


if __name__ == "__main__":
    main()
