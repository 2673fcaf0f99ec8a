"""Builds the images of the Bento that `make build` has built: mlrf serves, mlrf-train trains.

    .venv/bin/python tools/build_image.py                      # mlrf:<version>
    .venv/bin/python tools/build_image.py --name registry.example/mlrf --tag 1.2.0 --train

Builds with docker if its daemon answers, else with buildah or podman. `--opt` is passed to the
builder unchanged: `--opt platform=linux/amd64,linux/arm64 --opt push --builder buildx`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bentoml
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.paths import ROOT
from config.version import __version__
from tools.build_bento import BENTOML, REVISION, TAG, git, revision

BUILDERS = {
    "docker": ("docker", "build"),
    "buildx": ("docker", "buildx", "build"),
    "buildah": ("buildah", "build"),
    "podman": ("podman", "build"),
}
TRAIN_CONTEXT = ("training", "requirements/dask.txt", "deploy/image/train.Dockerfile")


def main() -> None:
    parsed = _parse_arguments()
    builder = parsed.builder or find_builder()
    options = [*parsed.opt]
    if builder in ("buildah", "podman"):
        options += ["format=docker", "layers"]  # OCI's own format has no HEALTHCHECK
    image = f"{parsed.name}:{parsed.tag}"
    arguments = {
        "VERSION": __version__,
        "REVISION": get_bento_revision(),
        "CREATED": git("show", "-s", "--format=%cI", "HEAD"),
        "SOURCE": parsed.source,
    }
    base = {"PYTHON_IMAGE": parsed.python_image} if parsed.python_image else {}
    containerize(builder, image, arguments | base, options)
    if parsed.train:
        train_image = f"{parsed.name}-train:{parsed.tag}"
        build_train(builder, train_image, {"MLRF_IMAGE": image} | base, options)


def get_bento_revision() -> str:
    """Return the commit of the Bento, building it if there is none.

    Raises:
        SystemExit: the Bento was built from another commit than the one checked out.
    """
    if not _succeeds(*BENTOML, "get", TAG):
        subprocess.run(["make", "build"], cwd=ROOT, check=True)
    bento = Path(bentoml.get(TAG).path)  # not from the output, which is wrapped into lines
    document = yaml.safe_load((bento / "bento.yaml").read_text(encoding="utf-8"))
    built: str = document["labels"][REVISION]
    if built != revision():
        raise SystemExit(f"image: {TAG} was built of {built}, and this is {revision()}: make build")
    return built


def find_builder() -> str:
    """Return the first builder that works on this machine."""
    if shutil.which("docker") and _succeeds("docker", "info"):
        return "docker"
    for name in ("buildah", "podman"):
        if shutil.which(name):
            return name
    raise SystemExit("image: neither a docker daemon, nor buildah, nor podman is here")


def containerize(
    builder: str, image: str, arguments: dict[str, str], options: Sequence[str]
) -> None:
    """Build the image that serves."""
    build_options = [*options, *(f"build-arg={name}={value}" for name, value in arguments.items())]
    command = [*BENTOML, "containerize", TAG, "--image-tag", image, "--backend", builder]
    for option in build_options:
        command += ["--opt", option]
    # BentoML refuses a Dockerfile template outside the working directory, although it reads the
    # template from a temporary folder. So both are the same folder here:
    # github.com/bentoml/BentoML/issues/5566
    with tempfile.TemporaryDirectory(prefix="mlrf-image-") as folder:
        environment = {**os.environ, "TMPDIR": folder}
        subprocess.run(command, cwd=folder, env=environment, check=True)


def build_train(
    builder: str, image: str, arguments: dict[str, str], options: Sequence[str]
) -> None:
    """Build the training image on top of the serving image."""
    command = [*BUILDERS[builder], "--tag", image]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    command += [f"--{option}" for option in options]
    with tempfile.TemporaryDirectory(prefix="mlrf-train-") as folder:
        for name in TRAIN_CONTEXT:
            copy_to(Path(folder), name)
        command += ["--file", str(Path(folder, TRAIN_CONTEXT[-1])), folder]
        subprocess.run(command, check=True)


def copy_to(context: Path, name: str) -> None:
    destination = context / name
    destination.parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / name).is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, destination, ignore=ignored)
    else:
        shutil.copyfile(ROOT / name, destination)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--name", default="mlrf", help="name, with a registry if there is one")
    parser.add_argument("--tag", default=__version__, help="tag; the project's version")
    parser.add_argument("--train", action="store_true", help="build NAME-train too")
    parser.add_argument("--python-image", help="base image; CI gives name@sha256:…")
    parser.add_argument("--source", default="unknown", help="address of the sources, as a label")
    parser.add_argument("--builder", choices=sorted(BUILDERS))
    parser.add_argument("--opt", action="append", default=[], help="option of the builder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
