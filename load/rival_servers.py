"""Servers of the same model that ours is compared with, and how each is started.

Those of `RIVALS` run in the environment of the benchmarks. Those of `PEERS` need versions that do
not fit into it, so that each has an environment of its own (`load.peer_environments`).
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from config.paths import ROOT
from load.server import NotReadyError, end, free_port
from load.wrk import BODIES, MANY, ONE, ROWS, Contender, check_contender, tensor_body

BASELINES = {"FastAPI": "FastAPI + onnxruntime", "Starlette": "Starlette + orjson + onnxruntime"}
"""Rivals that ratios are to, by their names in columns."""

_START_SECONDS = 60.0
_INFER = "/v2/models/mlrf/infer"

Rows = Sequence[Sequence[float]]


def _rows_body(rows: Rows) -> bytes:
    return orjson.dumps({"rows": rows})


@dataclass(frozen=True)
class Rival:
    """A server of the model that MODEL names, with so many WORKERS, on PORT.

    Braces in its command and its settings name what is known at its start: ``port``, ``second``
    and ``third`` (free ports), ``workers``, ``folder`` (of its own) and ``libraries`` (those of
    the interpreter).

    Attributes:
        command: arguments of Python.
        settings: further environment variables, as ``NAME=value``.
        path: of its forecasts.
        body: makes a request of rows.
        package: whose version is recorded.
        seconds: that it may take to start.
    """

    name: str
    command: tuple[str, ...]
    settings: tuple[str, ...] = ()
    path: str = "/predict"
    body: Callable[[Rows], bytes] = _rows_body
    package: str = ""
    seconds: float = _START_SECONDS

    def contenders(self, url: str, rows: list[list[float]]) -> list[Contender]:
        """Return its requests with one row and with many."""
        ones = tuple(self.body([row]) for row in rows[:BODIES])
        many = (self.body((rows * ROWS)[:ROWS]),)
        return [
            Contender(self.name, ONE, url, self.path, ones),
            Contender(f"{self.name}, {ROWS} rows", MANY, url, self.path, many),
        ]


_UVICORN = (
    *("-m", "uvicorn", "--workers", "{workers}", "--log-level", "warning", "--loop", "uvloop"),
    *("--http", "httptools", "--no-access-log", "--port", "{port}"),
)

RIVALS = (
    Rival(BASELINES["FastAPI"], (*_UVICORN, "load.rivals.fastapi_app:app")),
    Rival(BASELINES["Starlette"], (*_UVICORN, "load.rivals.starlette_app:app")),
    Rival(
        "BentoML as documented",
        (
            *("-m", "bentoml", "serve", "load.rivals.bentoml_app:Predictor"),
            *("--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", "{port}"),
        ),
        settings=("BENTOML_HOME={folder}/bentoml",),
    ),
    Rival("LitServe as documented", ("-m", "load.rivals.litserve_app")),
)

# HOME is theirs for the run: Ray and PyTriton write files there.
PEERS = {
    "mlserver": Rival(
        "MLServer as documented",
        ("-c", "from mlserver.cli import main; main()", "start", "{folder}"),
        settings=(
            "HOME={folder}",
            "MLSERVER_HOST=127.0.0.1",
            "MLSERVER_HTTP_PORT={port}",
            "MLSERVER_GRPC_PORT={second}",
            "MLSERVER_METRICS_PORT={third}",
            "MLSERVER_PARALLEL_WORKERS={workers}",
            "MLSERVER_MODEL_NAME=mlrf",
            "MLSERVER_MODEL_IMPLEMENTATION=load.rivals.mlserver_app.Forecaster",
        ),
        path=_INFER,
        body=tensor_body,
        package="mlserver",
    ),
    "triton": Rival(
        "Triton with PyTriton as documented",
        ("-m", "load.rivals.triton_app"),
        # its workers load libpython by its name: another one has another standard library
        settings=("HOME={folder}", "LD_LIBRARY_PATH={libraries}"),
        path=_INFER,
        body=tensor_body,
        package="nvidia-pytriton",
    ),
    "ray": Rival(
        "Ray Serve as documented",
        ("-m", "load.rivals.ray_app"),
        settings=(
            *("HOME={folder}", "RAY_TMPDIR={folder}", "RAY_USAGE_STATS_ENABLED=0"),
            "RAY_worker_niceness=0",  # its 15 would give way to wrk
        ),
        package="ray",
        seconds=180.0,  # it starts some ten processes
    ),
}
"""Rivals with an environment of their own, by its name."""


@contextmanager
def start_rival(
    rival: Rival,
    folder: Path,
    model: Path,
    rows: list[list[float]],
    workers: int,
    python: Path = Path(sys.executable),
) -> Iterator[list[Contender]]:
    """Start a server, yield the requests to it once it answers, and stop it after the block.

    Args:
        folder: for its files and its log.

    Raises:
        NotReadyError: it does not answer with 200.
    """
    port, second, third = free_port(), free_port(), free_port()
    own = folder / str(port)
    own.mkdir()
    values = {
        "port": port,
        "second": second,
        "third": third,
        "workers": workers,
        "folder": own,
        "libraries": sysconfig.get_config_var("LIBDIR"),
    }
    settings = (f"MODEL={model}", f"PORT={port}", f"WORKERS={workers}", *rival.settings)
    log = own / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [
                # env(1) replaces itself by the server, so the process started here is the server's
                *("env", *(setting.format(**values) for setting in settings)),
                *(str(python), *(part.format(**values) for part in rival.command)),
            ],
            cwd=ROOT,
            stdout=written,
            stderr=written,
        )
    try:
        contenders = rival.contenders(f"http://127.0.0.1:{port}", rows)
        _wait_for_answer(rival, contenders[0], process, log)
        yield contenders
    finally:
        end(process)


def _wait_for_answer(
    rival: Rival, contender: Contender, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + rival.seconds
    problem = "did not listen"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            check_contender(contender)
            return
        except httpx.TransportError:
            pass  # not listening yet
        except NotReadyError as error:  # its model is not loaded yet
            problem = str(error)
        time.sleep(0.1)
    if process.poll() is not None:
        problem = f"ended with exit code {process.returncode}"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise NotReadyError(f"{rival.name} {problem} within {rival.seconds:.0f} s:\n{tail}")
