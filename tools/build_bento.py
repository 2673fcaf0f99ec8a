"""Builds the Bento: what bentofile.yaml includes of this checkout, with one bundle and snapshot.

    .venv/bin/python tools/build_bento.py                      # the release that is served now
    .venv/bin/python tools/build_bento.py --bundle NAME --snapshot NAME
    .venv/bin/python tools/build_bento.py --dashboard FOLDER   # one that was built elsewhere

The Bento is assembled in a temporary folder, so that neither other artifacts nor stray files of the
checkout get into it. The dashboard is built first, if its sources have changed. The version of the
Bento is the project's; an earlier Bento of that version is replaced.
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

from api.dashboard.build import FOLDER
from config.paths import ROOT
from config.settings import get_settings
from config.version import __version__
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store
from tools.bento_digest import digest_of
from tools.build_dashboard import BuildError, ensure_built, explain

ARTIFACTS = "models/artifacts"
DASHBOARD = FOLDER.relative_to(ROOT).as_posix()
BENTOFILE = "bentofile.yaml"
DOCKERFILE = Path("deploy/image/Dockerfile")  # BentoML keeps it beside what is included
REVISION = "org.opencontainers.image.revision"
TAG = f"mlrf:{__version__}"


def main() -> None:
    options = _parse_arguments()
    store = get_settings().store
    try:
        release = choose_release(store, options.bundle, options.snapshot)
        with tempfile.TemporaryDirectory(prefix="mlrf-bento-") as folder:
            context = Path(folder)
            stage_sources(context)
            shutil.copytree(options.dashboard or ensure_built(), context / DASHBOARD)
            stage_release(store, release, Store(context / ARTIFACTS))
            bento = _build(context)
    except ArtifactError as error:
        raise SystemExit(f"build: {error}") from None
    except BuildError as error:
        raise SystemExit(explain(error)) from None
    print(digest_of(bento))


def choose_release(store: Store, bundle: str | None, snapshot: str | None) -> Release:
    """Return the release to carry; a name that is None is taken from the serving release.

    Raises:
        ArtifactError: there is no serving release, and a name is None.
    """
    if bundle and snapshot:
        return Release(bundle, snapshot)
    current = store.current()
    return Release(bundle or current.bundle, snapshot or current.snapshot)


def stage_sources(context: Path) -> None:
    """Copy the files that the bentofile includes; links become the files they point to."""
    for path in (Path(BENTOFILE), DOCKERFILE, *list_included_files()):
        destination = context / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, destination)
        destination.chmod(0o755 if (ROOT / path).stat().st_mode & 0o100 else 0o644)


def list_included_files() -> Iterator[Path]:
    """Yield the files of the checkout that the bentofile includes, except what is built."""
    patterns: list[str] = yaml.safe_load((ROOT / BENTOFILE).read_text(encoding="utf-8"))["include"]
    for pattern in (pattern.removeprefix("/") for pattern in patterns):
        if pattern.startswith((ARTIFACTS, DASHBOARD)):
            continue
        matches = sorted(path for path in ROOT.glob(pattern) if path.is_file())
        if not matches:
            raise SystemExit(f"build: {BENTOFILE} includes {pattern}, which is not there")
        yield from (path.relative_to(ROOT) for path in matches)


def stage_release(store: Store, release: Release, staged: Store) -> None:
    """Copy a release with its forecasts, promote it there, and load it as a server would.

    Loading computes missing forecasts, so that no server has to.

    Raises:
        ArtifactError: a part is missing, altered, or incompatible with another.
    """
    for parent, name in ((store.bundles, release.bundle), (store.snapshots, release.snapshot)):
        if not (parent / name).is_dir():
            raise ArtifactError(parent / name, "does not exist")
        shutil.copytree(parent / name, staged.root / parent.name / name)
    for stored in store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*"):
        shutil.copytree(stored, staged.forecasts / stored.name)
    load_release(staged.promote(release), release)


def _build(context: Path) -> Path:
    """Build the Bento in BentoML's store, and return its folder."""
    subprocess.run([*BENTOML, "delete", "--yes", TAG], cwd=context, capture_output=True)
    label = f"{REVISION}={revision()}"
    subprocess.run(
        [*BENTOML, "build", "--version", __version__, "--label", label], cwd=context, check=True
    )
    return Path(bentoml.get(TAG).path)  # not from the output, which is wrapped into lines


BENTOML = (sys.executable, "-m", "bentoml")


def revision() -> str:
    """Return the commit being built, with the suffix `-dirty` if files differ from it."""
    return git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")


def git(*arguments: str) -> str:
    """Run git in the checkout; return its output, or `unknown` without git or a repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", help="name of the bundle to carry; that which is served now")
    parser.add_argument("--snapshot", help="name of the snapshot; that which is served now")
    parser.add_argument(
        "--dashboard", type=Path, help="folder of a built dashboard; that of the checkout's sources"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
