#!/usr/bin/env python3
"""Build the dashboard into dashboard/dist, unless its sources are those of the last build.

    .venv/bin/python tools/build_dashboard.py             # make dashboard
    .venv/bin/python tools/build_dashboard.py --optional  # a failure is one line, not an error

The build runs in a copy of the sources below .venv, whose packages stay for the next build: the
`node_modules` of dashboard/ are not touched, and a build that is killed leaves the last one in
place. Imports the standard library only, so that the check whether there is
anything to do takes a moment.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api.dashboard.build import BASE, FOLDER, INDEX
from tools.install import Progress
from tools.node import WORK, NodeError, node_environment

SOURCES = FOLDER.parent
DIGEST = "BUILD"
"""The file of a build that names the sources that it was made of, by their digest."""

PACKAGES = "node_modules"
NO_SOURCES = frozenset({FOLDER.name, PACKAGES, "coverage"})
"""What lies beside the sources at the top of their folder, and is made of them."""

_LOCK = "package-lock.json"
_STAGING = ".dist-"
_INSTALL = (
    *("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"),
    # without a network, say so in seconds and not in minutes
    *(
        "--prefer-offline",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=500",
        "--fetch-retry-maxtimeout=3000",
    ),
)
_BUILD = ("npm", "run", "build")


class BuildError(Exception):
    """A dashboard that could not be built.

    Attributes:
        output: of the command that failed, if one did.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


def ensure_built(
    sources: Path = SOURCES, work: Path = WORK, destination: Path | None = None
) -> Path:
    """Return the folder of a build of the sources, which is made if there is none.

    Raises:
        BuildError: it cannot be built; the last build is still in its place.
    """
    destination = destination or sources / FOLDER.name
    digest = digest_of(sources)
    if built_digest(destination) == digest:
        return destination
    with _lock_builds(work):
        if built_digest(destination) != digest:  # another process may have just built it
            _build(sources, work / "dashboard", destination, digest, work)
    return destination


def digest_of(sources: Path) -> str:
    """Return a digest of the names and the bytes of all sources.

    Raises:
        BuildError: there are no sources.
    """
    if not (sources / "package.json").is_file():
        raise BuildError(f"{sources / 'package.json'} is missing")
    total = hashlib.sha256()
    for path in _list_sources(sources):
        content = hashlib.sha256((sources / path).read_bytes()).hexdigest()
        total.update(f"{content}  {path.as_posix()}\n".encode())
    return total.hexdigest()


def built_digest(destination: Path) -> str | None:
    """Return the digest of the sources that a build was made of; None if there is no build."""
    try:
        return (destination / DIGEST).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def _list_sources(sources: Path) -> list[Path]:
    """Return the paths of the sources in one order on all machines."""

    def walk(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            name = path.relative_to(sources)
            if name.parts[0] in NO_SOURCES or name.parts[0].startswith(_STAGING):
                continue
            if path.is_dir():
                yield from walk(path)
            elif path.is_file():
                yield name

    return sorted(walk(sources), key=lambda path: path.as_posix())


@contextmanager
def _lock_builds(work: Path) -> Iterator[None]:
    """Wait until no other process builds in the same folder."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "dashboard.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(sources: Path, copy: Path, destination: Path, digest: str, work: Path) -> None:
    progress = Progress("Building the dashboard")
    try:
        progress.show("looking for Node")
        environment = node_environment(work)
        copy_sources(sources, copy)
        progress.show("installing packages")
        _install_packages(copy, environment)
        progress.show("building")
        run(_BUILD, copy, environment)
        check_document(copy / FOLDER.name)
    except (BuildError, NodeError, OSError) as error:
        progress.end("failed")
        output = error.output if isinstance(error, BuildError) else ""
        raise BuildError(str(error), output) from None
    (copy / FOLDER.name / DIGEST).write_text(digest + "\n", encoding="utf-8")
    replace_folder(copy / FOLDER.name, destination)
    progress.end()


def copy_sources(sources: Path, copy: Path) -> None:
    """Make a folder contain the sources, and of what it contained only the packages."""
    copy.mkdir(parents=True, exist_ok=True)
    for path in copy.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name != PACKAGES:
                shutil.rmtree(path)
        else:
            path.unlink()
    for name in _list_sources(sources):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources / name, copy / name)


def _install_packages(copy: Path, environment: Mapping[str, str]) -> None:
    """Install the locked packages, unless they are there from an earlier build."""
    marker = copy / PACKAGES / ".locked"
    locked = (copy / _LOCK).read_text(encoding="utf-8")
    if marker.is_file() and marker.read_text(encoding="utf-8") == locked:
        return
    run(_INSTALL, copy, environment)
    marker.parent.mkdir(exist_ok=True)  # npm makes none where there are no packages
    marker.write_text(locked, encoding="utf-8")


def run(command: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command quietly.

    Raises:
        BuildError: it failed.
    """
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"`{' '.join(command[:3])}` failed", done.stdout)


def check_document(built: Path) -> None:
    """Refuse a build that the server could not serve.

    Raises:
        BuildError: the document is missing, or the base of its links cannot be set.
    """
    document = built / INDEX
    if not document.is_file():
        raise BuildError(f"the build wrote no {INDEX}")
    if document.read_text(encoding="utf-8").count(BASE) != 1:
        raise BuildError(f"{INDEX} must contain {BASE} once: the server sets the address in it")


def replace_folder(new: Path, destination: Path) -> None:
    """Replace a folder by a new one; a process that is killed meanwhile leaves the old one."""
    for left in destination.parent.glob(f"{_STAGING}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=destination.parent) as staging:
        ready = Path(shutil.copytree(new, Path(staging) / "new"))
        if destination.exists():
            destination.rename(Path(staging) / "old")
        ready.rename(destination)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--optional", action="store_true", help="say in one line that it failed, and succeed"
    )
    options = parser.parse_args()
    try:
        ensure_built()
    except BuildError as error:
        if options.optional:
            print(f"dashboard: {error}; {_what_is_served()}", file=sys.stderr)
            return 0
        print(explain(error), file=sys.stderr)
        return 1
    return 0


def _what_is_served() -> str:
    served = "the last build is served" if built_digest(FOLDER) else "the API is served without it"
    return f"{served} (`make dashboard` shows more)"


def explain(error: BuildError) -> str:
    """Return the output of what failed, its name, and what to do."""
    return "\n".join(
        [
            *error.output.strip().splitlines(),
            f"dashboard: {error}. It needs Node 20.19 or newer with npm, or access to the Python "
            "package index, and access to the npm registry; then `make dashboard` tries again.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
