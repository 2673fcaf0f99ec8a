"""Our server compared with others over the same model, in one run on one machine.

    python -m load.side_by_side

All servers run from beginning to end, and wrk measures them in turn, in rounds, so that a
temporary slowdown of the machine affects all of them. Ours has every feature enabled (API keys,
limits in Valkey, cache, metrics, access log); the others have none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import numpy as np
import orjson
import typer
from rich.console import Console
from rich.progress import track

from config.paths import ROOT
from config.tiers import UNLIMITED
from load import record
from load.page import markdown
from load.record import Table
from load.server import NotReadyError, end, free_port
from load.serving import LARGE, Product, serving
from models.bundle import GOLDEN_ROWS_FILE, model_file
from models.serving.release import load_engine
from storage.artifacts import Store

NAME = "side_by_side"
CONNECTIONS = 100
ROWS = 100
"""Number of rows of a large request, and of series of a batch."""
_BODIES = 200
_START_SECONDS = 60.0
_TIMEOUT_SECONDS = 10
"""An answer that takes longer counts as failed; wrk's 2 s only mean a busy machine."""

err = Console(stderr=True)


class ToolMissingError(RuntimeError):
    """A missing tool: wrk is not installed."""


@dataclass(frozen=True)
class Contender:
    """One kind of request to one server.

    Attributes:
        work: contenders of the same work are compared.
        bodies: JSON request bodies without line breaks, sent in turn.
    """

    name: str
    work: str
    url: str
    path: str
    bodies: tuple[bytes, ...]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrkResult:
    """A measurement by wrk: requests a second, latencies in milliseconds, failures."""

    rate: float
    p50: float
    p95: float
    p99: float
    failed: int


ONE, MANY = "one forecast a request", f"{ROWS} rows a request"
BASELINES = {"FastAPI": "FastAPI + onnxruntime", "Starlette": "Starlette + orjson + onnxruntime"}


def main(
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many counts.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 5,
    workers: Annotated[int, typer.Option(min=1, help="Of every server.")] = 2,
    artifacts: Annotated[Path, typer.Option(help="Folder of the artifacts.")] = (
        ROOT / "models" / "artifacts"
    ),
    only: Annotated[str, typer.Option(help="Contenders whose names hold this.")] = "",
    keep: Annotated[
        bool, typer.Option("--record", help="Write the tables into load/results/performance.")
    ] = False,
) -> None:
    """Measure our calls and those of others in turn, and print the ratios."""
    try:
        tables = measure(artifacts, rounds, seconds, workers, only)
    except (NotReadyError, ToolMissingError) as error:
        err.print(f"bench: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    for table in tables:
        sys.stdout.write(markdown(table))
    if keep:
        record.write(NAME, "make bench", tables)


def measure(artifacts: Path, rounds: int, seconds: int, workers: int, only: str) -> list[Table]:
    """Start all servers, measure them in rounds, and return the tables.

    Raises:
        NotReadyError: a server does not start.
        ToolMissingError: wrk is not installed.
    """
    with running_contenders(artifacts, workers) as contenders:
        wanted = [contender for contender in contenders if only in contender.name]
        warm_up(wanted)
        return measure_in_turn(wanted, rounds, seconds)


@contextmanager
def running_contenders(
    artifacts: Path, workers: int, rivals: Container[str] | None = None
) -> Iterator[list[Contender]]:
    """Start our server and its rivals, yield the requests to them, and stop them after the block.

    Args:
        rivals: names of those to start; all if None.

    Raises:
        NotReadyError: a server does not start.
        ToolMissingError: wrk is not installed.
    """
    require_wrk()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-bench-")))
        ours = stack.enter_context(serving(artifacts, workers=workers))
        bundle = load_engine(ours.store, ours.store.current()).bundle
        model = bundle.path / model_file(min(bundle.facts.segments))
        urls = {
            name: stack.enter_context(_start_rival(folder, name, command, model))
            for name, command in _rival_commands(workers).items()
            if rivals is None or name in rivals
        }
        yield [*our_contenders(ours), *_rival_contenders(urls, _rows(ours.store))]


def warm_up(contenders: Sequence[Contender]) -> None:
    """Send each request once and then for a second, so that "cached" measures hits.

    Raises:
        NotReadyError: one is not answered with 200.
    """
    with tempfile.TemporaryDirectory(prefix="mlrf-bench-") as folder:
        for contender in contenders:
            check_contender(contender)
            run_wrk(contender, Path(folder), 1)


def measure_in_turn(contenders: Sequence[Contender], rounds: int, seconds: int) -> list[Table]:
    """Measure running contenders in rounds; return a table of each kind of work."""
    results: dict[str, list[WrkResult]] = {contender.name: [] for contender in contenders}
    turns = list(product(range(rounds), contenders))
    with tempfile.TemporaryDirectory(prefix="mlrf-bench-") as folder:
        for _, contender in track(turns, "Measuring", console=err):
            results[contender.name].append(run_wrk(contender, Path(folder), seconds))
    return [_table(work, contenders, results) for work in (ONE, MANY)]


def require_wrk() -> None:
    """Refuse to begin without wrk.

    Raises:
        ToolMissingError: it is not installed.
    """
    if shutil.which("wrk") is None:
        raise ToolMissingError("wrk is not installed; `apt-get install wrk` brings it.")


def our_contenders(server: Product) -> Iterator[Contender]:
    """Yield every compared request to our server, as a client would send it."""
    engine = load_engine(server.store, server.store.current())
    bottoms = engine.snapshot.hierarchy.bottoms
    series = [
        {"store_nbr": int(store), "family": family, "horizon": 15}
        for store, family in zip(bottoms["store_nbr"], bottoms["family"], strict=True)
    ][:_BODIES]
    simple = tuple(map(orjson.dumps, series))
    rows = _rows(server.store)
    raw = tuple(orjson.dumps({"features": row}) for row in rows[:_BODIES])
    batch = (orjson.dumps({"predictions": (series * ROWS)[:ROWS]}),)
    keys = {name: f"X-API-Key: {server.keys[name]}" for name in (UNLIMITED, LARGE)}
    of = partial(Contender, url=server.url)
    no_cache = "Cache-Control: no-cache"
    for name, key in keys.items():
        title = f"/predict/simple, cached, {name} key"
        yield of(title, ONE, path="/predict/simple", bodies=simple, headers=(key,))
    key = keys[UNLIMITED]
    yield of(
        "/predict/simple, computed",
        ONE,
        path="/predict/simple",
        bodies=simple,
        headers=(key, no_cache),
    )
    yield of("/predict, a raw row", ONE, path="/predict", bodies=raw, headers=(key,))
    infer = "/v2/models/mlrf/infer"
    ones = tuple(_tensor([row]) for row in rows[:_BODIES])
    yield of(f"{infer}, a row", ONE, path=infer, bodies=ones, headers=(key,))
    many = (_tensor((rows * ROWS)[:ROWS]),)
    yield of(f"{infer}, {ROWS} rows", MANY, path=infer, bodies=many, headers=(key,))
    yield of(
        f"/predict/batch, {ROWS} series", MANY, path="/predict/batch", bodies=batch, headers=(key,)
    )


def _rival_contenders(urls: dict[str, str], rows: list[list[float]]) -> Iterator[Contender]:
    ones = tuple(orjson.dumps({"rows": [row]}) for row in rows[:_BODIES])
    many = (orjson.dumps({"rows": (rows * ROWS)[:ROWS]}),)
    for name, url in urls.items():
        yield Contender(name, ONE, url, "/predict", ones)
        yield Contender(f"{name}, {ROWS} rows", MANY, url, "/predict", many)


def _rows(store: Store) -> list[list[float]]:
    """Return the golden rows of the bundle's first graph, NaN as 0 because JSON has no NaN."""
    golden = np.nan_to_num(np.load(_bundle(store) / GOLDEN_ROWS_FILE))
    bundle = load_engine(store, store.current()).bundle
    rows = golden[golden[:, bundle.contract.horizon_column] <= min(bundle.facts.segments)]
    return rows.astype(float).tolist()  # type: ignore[no-any-return]


def _bundle(store: Store) -> Path:
    return store.bundles / store.current().bundle


def _tensor(rows: Sequence[Sequence[float]]) -> bytes:
    """Return the body of an Open Inference Protocol request."""
    data = [value for row in rows for value in row]
    shape = [len(rows), len(rows[0])]
    return orjson.dumps(
        {"inputs": [{"name": "rows", "datatype": "FP32", "shape": shape, "data": data}]}
    )


def _rival_commands(workers: int) -> dict[str, tuple[str, ...]]:
    """Return the arguments of Python that start each rival; PORT and MODEL are variables."""
    uvicorn = ("-m", "uvicorn", "--workers", str(workers), "--log-level", "warning")
    fast = (*uvicorn, "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--port")
    return {
        BASELINES["FastAPI"]: (*fast, "{port}", "load.rivals.fastapi_app:app"),
        BASELINES["Starlette"]: (*fast, "{port}", "load.rivals.starlette_app:app"),
        "BentoML as documented": (
            *("-m", "bentoml", "serve", "load.rivals.bentoml_app:Predictor"),
            *("--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", "{port}"),
        ),
        "LitServe as documented": ("-m", "load.rivals.litserve_app"),
    }


@contextmanager
def _start_rival(folder: Path, name: str, command: Sequence[str], model: Path) -> Iterator[str]:
    """Start a rival server, yield its address once it answers, and stop it after the block.

    Raises:
        NotReadyError: it does not answer.
    """
    port = free_port()
    log = folder / f"{port}.log"
    own = (f"MODEL={model}", f"PORT={port}", f"BENTOML_HOME={folder / 'bentoml'}")
    with log.open("wb") as written:
        process = subprocess.Popen(
            ["env", *own, sys.executable, *(part.format(port=port) for part in command)],
            cwd=ROOT,
            stdout=written,
            stderr=written,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_rival(name, url, log)
        yield url
    finally:
        end(process)


def _wait_for_rival(name: str, url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=5, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise NotReadyError(f"{name} did not answer within {_START_SECONDS:.0f} s:\n{tail}")


def check_contender(contender: Contender) -> None:
    """Send the first request of a contender.

    Raises:
        NotReadyError: it is not answered with 200.
    """
    headers = dict(header.split(": ", 1) for header in contender.headers)
    response = httpx.post(
        contender.url + contender.path,
        content=contender.bodies[0],
        headers={"Content-Type": "application/json", **headers},
        timeout=60,
        trust_env=False,
    )
    if response.status_code != 200:
        raise NotReadyError(f"{contender.name}: {response.status_code} {response.text[:500]}")


def run_wrk(contender: Contender, folder: Path, seconds: int) -> WrkResult:
    """Measure a contender with wrk for so many seconds."""
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(contender.bodies))
    script = Path(__file__).with_suffix(".lua")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command += ["--timeout", f"{_TIMEOUT_SECONDS}s"]
    command += [contender.url, "--", contender.path, str(bodies), *contender.headers]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    summary: dict[str, Any] = orjson.loads(output.splitlines()[-1])
    rate = summary["requests"] / summary["seconds"]
    return WrkResult(rate, summary["p50"], summary["p95"], summary["p99"], summary["failed"])


def _table(
    work: str, contenders: Sequence[Contender], results: dict[str, list[WrkResult]]
) -> Table:
    """Return the medians over the rounds; ratios are medians of the ratios within a round."""
    names = [contender.name for contender in contenders if contender.work == work]
    bases = {
        short: next((name for name in names if name.startswith(full)), None)
        for short, full in BASELINES.items()
    }

    def ratio(name: str, base: str | None) -> float | None:
        if base is None:
            return None
        return median(
            own.rate / other.rate for own, other in zip(results[name], results[base], strict=True)
        )

    figures = WrkResult.__match_args__[:4]
    rows = [
        (
            name,
            *(median(getattr(one, part) for one in results[name]) for part in figures),
            sum(one.failed for one in results[name]),
            *(ratio(name, base) for base in bases.values()),
        )
        for name in names
    ]
    return Table(
        id="one" if work == ONE else "many",
        caption=f"{work[0].upper()}{work[1:]}, {CONNECTIONS} connections.",
        columns=(
            *("", "requests/s", "p50 ms", "p95 ms", "p99 ms", "failed"),
            *(f"× {short}" for short in bases),
        ),
        rows=tuple(rows),
    )


if __name__ == "__main__":
    typer.run(main)
