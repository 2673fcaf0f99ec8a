"""Our server beside others over the same model, in one run on one machine.

    python -m load.side_by_side

All servers run from beginning to end, and wrk asks one after the other, in rounds: what slows
the machine for a while slows all of them. Ours has everything switched on (keys, limits in
Valkey, cache, metrics, log); the others have nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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

from artifacts import Store
from features.contract import NAMES
from load import record
from load.page import markdown
from load.record import Table
from load.server import NotReadyError, end, free_port
from load.serving import LARGE, Product, serving
from models.bundle import GOLDEN_ROWS_FILE, model_file
from models.release import load_engine
from settings import ROOT
from tiers import UNLIMITED

NAME = "side_by_side"
CONNECTIONS = 100
ROWS = 100
"""Rows of a large request, and series of a batch."""
_BODIES = 200
_START_SECONDS = 60.0

err = Console(stderr=True)


class ToolMissingError(RuntimeError):
    """wrk is not on this machine."""


@dataclass(frozen=True)
class Contender:
    """One kind of request to one server.

    Attributes:
        work: contenders of the same work are compared.
        bodies: one line of JSON each, sent in turn.
    """

    name: str
    work: str
    url: str
    path: str
    bodies: tuple[bytes, ...]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What wrk said: requests a second, and milliseconds."""

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
        bool, typer.Option("--record", help="Write the tables into docs/metrics/performance.")
    ] = False,
) -> None:
    """Measure our calls and those of others in turn, and print the ratios."""
    try:
        tables = measured(artifacts, rounds, seconds, workers, only)
    except (NotReadyError, ToolMissingError) as error:
        err.print(f"bench: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    for table in tables:
        sys.stdout.write(markdown(table))
    if keep:
        record.write(NAME, "make bench", tables)


def measured(artifacts: Path, rounds: int, seconds: int, workers: int, only: str) -> list[Table]:
    """Start everything, and measure it.

    Raises:
        NotReadyError: a server does not start.
        ToolMissingError: there is no wrk.
    """
    if shutil.which("wrk") is None:
        raise ToolMissingError("wrk is not installed; `apt-get install wrk` brings it.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-bench-")))
        ours = stack.enter_context(serving(artifacts, workers=workers))
        model = _bundle(ours.store) / model_file(_first_segment(ours.store))
        rivals = {
            name: stack.enter_context(_rival(folder, name, command, model))
            for name, command in _commands(workers).items()
        }
        every = [*_ours(ours), *_theirs(rivals, _rows(ours.store))]
        contenders = [contender for contender in every if only in contender.name]
        told: dict[str, list[Told]] = {contender.name: [] for contender in contenders}
        for contender in contenders:
            _check(contender)
            _asked(contender, folder, 1)  # what is first asked for is not kept yet
        turns = list(product(range(rounds), contenders))
        for _, contender in track(turns, "Measuring", console=err):
            told[contender.name].append(_asked(contender, folder, seconds))
        return [_table(work, contenders, told) for work in (ONE, MANY)]


def _ours(server: Product) -> Iterator[Contender]:
    """Every call that is compared, as a client of ours would send it."""
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
    anew = "Cache-Control: no-cache"
    for name, key in keys.items():
        said = f"/predict/simple, kept, {name} key"
        yield of(said, ONE, path="/predict/simple", bodies=simple, headers=(key,))
    key = keys[UNLIMITED]
    yield of(
        "/predict/simple, computed", ONE, path="/predict/simple", bodies=simple, headers=(key, anew)
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


def _theirs(urls: dict[str, str], rows: list[list[float]]) -> Iterator[Contender]:
    ones = tuple(orjson.dumps({"rows": [row]}) for row in rows[:_BODIES])
    many = (orjson.dumps({"rows": (rows * ROWS)[:ROWS]}),)
    for name, url in urls.items():
        yield Contender(name, ONE, url, "/predict", ones)
        yield Contender(f"{name}, {ROWS} rows", MANY, url, "/predict", many)


def _rows(store: Store) -> list[list[float]]:
    """Rows that the bundle was verified with, of its first graph; JSON has no NaN."""
    golden = np.nan_to_num(np.load(_bundle(store) / GOLDEN_ROWS_FILE))
    rows = golden[golden[:, NAMES.index("horizon")] <= _first_segment(store)]
    return rows.astype(float).tolist()  # type: ignore[no-any-return]


def _bundle(store: Store) -> Path:
    return store.bundles / store.current().bundle


def _first_segment(store: Store) -> int:
    """Last horizon of the graph that forecasts the next days."""
    return min(load_engine(store, store.current()).bundle.facts.segments)


def _tensor(rows: Sequence[Sequence[float]]) -> bytes:
    """A request of the Open Inference Protocol."""
    data = [value for row in rows for value in row]
    shape = [len(rows), len(NAMES)]
    return orjson.dumps(
        {"inputs": [{"name": "rows", "datatype": "FP32", "shape": shape, "data": data}]}
    )


def _commands(workers: int) -> dict[str, tuple[str, ...]]:
    """How each rival is started; PORT and MODEL are in its environment."""
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
def _rival(folder: Path, name: str, command: Sequence[str], model: Path) -> Iterator[str]:
    """A server of others, ready; gives its address.

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
        _wait(name, url, log)
        yield url
    finally:
        end(process)


def _wait(name: str, url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=5, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise NotReadyError(f"{name} did not answer within {_START_SECONDS:.0f} s:\n{tail}")


def _check(contender: Contender) -> None:
    """Raises NotReadyError if what is to be measured is not answered."""
    headers = dict(header.split(": ", 1) for header in contender.headers)
    answer = httpx.post(
        contender.url + contender.path,
        content=contender.bodies[0],
        headers={"Content-Type": "application/json", **headers},
        timeout=60,
        trust_env=False,
    )
    if answer.status_code != 200:
        raise NotReadyError(f"{contender.name}: {answer.status_code} {answer.text[:500]}")


def _asked(contender: Contender, folder: Path, seconds: int) -> Told:
    """What one measurement by wrk came to."""
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(contender.bodies))
    script = Path(__file__).with_suffix(".lua")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command += [contender.url, "--", contender.path, str(bodies), *contender.headers]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    told: dict[str, Any] = orjson.loads(said.splitlines()[-1])
    rate = told["requests"] / told["seconds"]
    return Told(rate, told["p50"], told["p95"], told["p99"], told["failed"])


def _table(work: str, contenders: Sequence[Contender], told: dict[str, list[Told]]) -> Table:
    """Medians over the rounds; ratios are medians of the rounds' own ratios."""
    names = [contender.name for contender in contenders if contender.work == work]
    bases = {
        short: next((name for name in names if name.startswith(full)), None)
        for short, full in BASELINES.items()
    }

    def ratio(name: str, base: str | None) -> float | None:
        if base is None:
            return None
        return median(
            own.rate / other.rate for own, other in zip(told[name], told[base], strict=True)
        )

    rows = [
        (
            name,
            *(median(getattr(one, part) for one in told[name]) for part in Told.__match_args__[:4]),
            sum(one.failed for one in told[name]),
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
