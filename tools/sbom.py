"""Writes what an image is made of, as CycloneDX: its Python packages, and Debian's.

    python tools/sbom.py mlrf:0.1.0 --out sbom.json

The packages are read from the image, not from a lock. The tool that describes them is installed in
a temporary folder, so that it is not described as a part of the image. Needs docker or podman.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

TOOL = "cyclonedx-bom==7.5.0"
VENV = "/opt/mlrf/venv"
DPKG = "/var/lib/dpkg/status"


def main() -> None:
    options = _parse_arguments()
    with (
        tempfile.TemporaryDirectory(prefix="mlrf-sbom-") as folder,
        open_image(options.image) as copy,
    ):
        root = Path(folder)
        copy(VENV, root / "image")
        copy(DPKG, root / "status")
        document = python_packages(root)
        document["components"] += debian_packages((root / "status").read_text(encoding="utf-8"))
    name, _, tag = options.image.rpartition(":")
    document["metadata"]["component"] = {
        "type": "container",
        "bom-ref": "image",
        "name": name,
        "version": tag,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out}: {len(document['components'])} components")


@contextmanager
def open_image(image: str) -> Iterator[Any]:
    """Yield a function that copies a path of the image to a local path."""
    tool = next((tool for tool in ("docker", "podman") if _has_image(tool, image)), None)
    if tool is None:
        raise SystemExit(f"sbom: neither docker nor podman knows {image}")
    created = subprocess.run([tool, "create", image], check=True, capture_output=True, text=True)
    container = created.stdout.strip()

    def copy(path: str, destination: Path) -> None:
        subprocess.run([tool, "cp", f"{container}:{path}", str(destination)], check=True)

    try:
        yield copy
    finally:
        subprocess.run([tool, "rm", container], check=True, capture_output=True)


def _has_image(tool: str, image: str) -> bool:
    command = [tool, "image", "inspect", image]
    return bool(shutil.which(tool)) and subprocess.run(command, capture_output=True).returncode == 0


def python_packages(root: Path) -> Any:
    """Return the CycloneDX document of the packages in the image's environment."""
    # The tool describes an environment by running its interpreter, but the image's own does not
    # run outside it. So its site-packages are moved into an empty environment of this Python. The
    # tool has a second environment, because in the first it would describe itself.
    for name in ("tool", "packages"):
        venv.create(root / name, with_pip=name == "tool", symlinks=True)
    (packages,) = (root / "image" / "lib").glob("python3*/site-packages")
    (destination,) = (root / "packages" / "lib").glob("python3*/site-packages")
    shutil.rmtree(destination)
    packages.rename(destination)
    tool = root / "tool" / "bin"
    subprocess.run([str(tool / "pip"), "install", "--quiet", TOOL], check=True)
    command = [str(tool / "cyclonedx-py"), "environment", "--output-reproducible"]
    done = subprocess.run(
        [*command, str(root / "packages" / "bin" / "python")],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def debian_packages(status: str) -> list[dict[str, str]]:
    """Return the components of the packages that dpkg's status file lists as installed."""
    components = []
    for paragraph in status.strip().split("\n\n"):
        lines = [line.split(": ", 1) for line in paragraph.splitlines() if ": " in line[:60]]
        fields = {name: value for name, value in lines if not name.startswith(" ")}
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        reference = f"pkg:deb/debian/{name}@{quote(version)}?arch={fields['Architecture']}"
        components.append(
            {
                "type": "library",
                "bom-ref": reference,
                "name": name,
                "version": version,
                "purl": reference,
            }
        )
    return components


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("image", help="name and tag of the image")
    parser.add_argument("--out", type=Path, default=Path("sbom.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
