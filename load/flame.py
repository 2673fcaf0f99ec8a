"""Flame graphs of a worker under load, one for each of the main calls.

    python -m load.flame

The whole service runs as in `load.side_by_side`; wrk sends one kind of request over 100
connections, while py-spy samples the stacks of one of its workers.
"""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from config.paths import ROOT
from config.tiers import UNLIMITED
from load.server import NotReadyError
from load.serving import Product, serving
from load.side_by_side import err, our_contenders, warm_up
from load.wrk import ONE, Contender, ToolMissingError, require_wrk, run_wrk

FOLDER = ROOT / "var" / "flames"
RATE = 200
"""Samples a second."""

_PROMOTED_ITEMS = 100
_LOAD_SECONDS = 3
"""Time that the load lasts longer than the samples are taken, for the start of py-spy."""


class Format(StrEnum):
    """A format of py-spy."""

    FLAMEGRAPH = "flamegraph"
    SPEEDSCOPE = "speedscope"

    @property
    def suffix(self) -> str:
        """Ending of the name of its files."""
        return ".svg" if self is Format.FLAMEGRAPH else ".speedscope.json"


class SamplingError(RuntimeError):
    """An error of py-spy, in its words."""


def main(
    seconds: Annotated[int, typer.Option(min=1, help="Of each call.")] = 10,
    format_: Annotated[
        Format, typer.Option("--format", help="An SVG, or a file for speedscope.")
    ] = Format.FLAMEGRAPH,
    workers: Annotated[int, typer.Option(min=1, help="Of the server; one is sampled.")] = 2,
    artifacts: Annotated[Path, typer.Option(help="Folder of the artifacts.")] = (
        ROOT / "models" / "artifacts"
    ),
    folder: Annotated[Path, typer.Option("--out", help="Where the graphs go.")] = FOLDER,
) -> None:
    """Draw a flame graph of a worker for each of the main calls."""
    try:
        require_wrk()
        sampler = find_sampler()
        with serving(artifacts, workers=workers) as server:
            calls = main_calls(server)
            warm_up(list(calls.values()))
            folder.mkdir(parents=True, exist_ok=True)
            for name, contender in calls.items():
                path = folder / f"{name}{format_.suffix}"
                rate = sample(sampler, server.pids[0], contender, path, seconds, format_)
                typer.echo(f"{path}: {contender.name}, {rate:,.0f} requests/s while sampled")
    except (NotReadyError, SamplingError, ToolMissingError) as error:
        err.print(f"flame: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def find_sampler() -> Path:
    """Return py-spy of this environment.

    Raises:
        ToolMissingError: it is not installed.
    """
    path = Path(sysconfig.get_path("scripts")) / "py-spy"
    if not path.is_file():
        raise ToolMissingError("py-spy is not installed; the extra `bench` has it.")
    return path


def main_calls(server: Product) -> dict[str, Contender]:
    """Return a cached call, one that runs the model, and a what-if, by the names of their files."""
    ours = {contender.name: contender for contender in our_contenders(server)}
    cached = ours[f"/predict/simple, cached, {UNLIMITED} key"]
    change = {"adjustments": {"onpromotion": {"op": "set", "value": _PROMOTED_ITEMS}}}
    whatif = Contender(
        "/whatif, computed",
        ONE,
        server.url,
        "/whatif",
        tuple(orjson.dumps({**orjson.loads(body), **change}) for body in cached.bodies),
        (*cached.headers, "Cache-Control: no-cache"),
    )
    infer = ours["/v2/models/mlrf/infer, a row"]
    return {"predict-simple-cached": cached, "infer-row": infer, "whatif": whatif}


def sample(
    sampler: Path, pid: int, contender: Contender, path: Path, seconds: int, format_: Format
) -> float:
    """Sample a process while it answers a request over and over; return requests a second.

    Raises:
        SamplingError: py-spy failed.
    """
    command = [str(sampler), "record", "--pid", str(pid), "--duration", str(seconds)]
    command += ["--rate", str(RATE), "--function", "--threads"]
    command += ["--format", format_.value, "--output", str(path)]
    with (
        tempfile.TemporaryDirectory(prefix="mlrf-flame-") as folder,
        ThreadPoolExecutor(max_workers=1) as threads,
    ):
        load = threads.submit(run_wrk, contender, Path(folder), seconds + _LOAD_SECONDS)
        done = subprocess.run(command, capture_output=True, text=True)
        result = load.result()
    if done.returncode:
        raise SamplingError(
            f"py-spy could not sample process {pid}: {done.stderr.strip()}\nRun it as root, or let "
            "users trace their processes: `sysctl kernel.yama.ptrace_scope=0`."
        )
    return result.rate


if __name__ == "__main__":
    typer.run(main)
