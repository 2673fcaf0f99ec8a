"""Our server compared with others over the same model, in one run on one machine.

    python -m load.side_by_side

All servers run from beginning to end, and wrk measures them in turn, in rounds, so that a
temporary slowdown of the machine affects all of them. Ours has every feature enabled (API keys,
limits in Valkey, cache, metrics, access log); the others have none.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import orjson
import typer
from rich.console import Console
from rich.progress import track

from config.paths import ROOT
from config.tiers import UNLIMITED
from load import record
from load.page import markdown
from load.peer_environments import FOLDER, LOCKS, NotInstalledError, install, version_in
from load.record import Table
from load.rival_servers import BASELINES, PEERS, RIVALS, Rival, start_rival
from load.server import NotReadyError
from load.serving import LARGE, Product, serving
from load.wrk import (
    BODIES,
    CONNECTIONS,
    MANY,
    ONE,
    ROWS,
    Contender,
    ToolMissingError,
    WrkResult,
    check_contender,
    require_wrk,
    run_wrk,
    tensor_body,
)
from models.bundle import GOLDEN_ROWS_FILE, model_file
from models.serving.release import load_engine
from storage.artifacts import Store

NAME = "side_by_side"
ALL = "all"

err = Console(stderr=True)


@dataclass(frozen=True)
class Bench:
    """Our server and its rivals, running.

    Attributes:
        contenders: the requests to all of them.
        folder: for files of the run.
        model: the file that rivals serve.
        rows: rows of the model.
    """

    contenders: list[Contender]
    folder: Path
    model: Path
    rows: list[list[float]]
    workers: int


Workers = Annotated[int, typer.Option(min=1, help="Of every server.")]
Artifacts = Annotated[Path, typer.Option(help="Folder of the artifacts.")]
ARTIFACTS = ROOT / "models" / "artifacts"


def main(
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many counts.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 5,
    workers: Workers = 2,
    artifacts: Artifacts = ARTIFACTS,
    only: Annotated[str, typer.Option(help="Contenders whose names hold this.")] = "",
    peers: Annotated[
        str, typer.Option(help=f"Further servers, or {ALL}: {', '.join(PEERS)}.")
    ] = "",
    keep: Annotated[
        bool, typer.Option("--record", help="Write the tables into load/results/performance.")
    ] = False,
) -> None:
    """Measure our calls and those of others in turn, and print the ratios."""
    names = parse_peers(peers)
    try:
        require_wrk()
        pythons, left_out = install_peers(names)
        with running_bench(artifacts, workers) as bench:
            wanted = [contender for contender in bench.contenders if only in contender.name]
            warm_up(wanted)
            tables = measure_in_turn(wanted, rounds, seconds)
            for name, python in pythons.items():
                try:
                    more = measure_peer(bench, PEERS[name], python, rounds, seconds)
                except NotReadyError as error:
                    err.print(f"bench: {error}", style="red", markup=False, soft_wrap=True)
                    left_out[name] = "it did not answer"
                else:
                    tables = add_rows(tables, more, PEERS[name])
    except (NotReadyError, ToolMissingError) as error:
        err.print(f"bench: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    tables = [name_left_out(table, left_out) for table in tables]
    for table in tables:
        sys.stdout.write(markdown(table))
    if keep:
        versions = {
            PEERS[name].package: version_in(FOLDER / name, PEERS[name].package) for name in pythons
        }
        command = f"make bench PEERS={peers}" if peers else "make bench"
        record.write(NAME, command, tables, versions=versions)


def parse_peers(text: str) -> list[str]:
    """Return the names of peers in a text, separated by spaces or commas.

    Raises:
        BadParameter: one is not known.
    """
    names = text.replace(",", " ").split()
    if unknown := [name for name in names if name not in (*PEERS, ALL)]:
        known = ", ".join((*PEERS, ALL))
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {known}", param_hint="--peers")
    return list(PEERS) if ALL in names else list(dict.fromkeys(names))


def install_peers(names: Sequence[str]) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the Python of each peer that can be installed, and why others cannot, by name."""
    pythons, left_out = {}, {}
    for name in names:
        try:
            pythons[name] = install(LOCKS / f"{name}.txt", FOLDER / name)
        except NotInstalledError as error:
            err.print(f"bench: {PEERS[name].name} is left out: {error}", style="red", markup=False)
            left_out[name] = "it could not be installed"
    return pythons, left_out


@contextmanager
def running_bench(
    artifacts: Path, workers: int, rivals: Sequence[Rival] = RIVALS
) -> Iterator[Bench]:
    """Start our server and its rivals, and stop them after the block.

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
        rows = _rows(ours.store)
        contenders = list(our_contenders(ours))
        for rival in rivals:
            contenders += stack.enter_context(start_rival(rival, folder, model, rows, workers))
        yield Bench(contenders, folder, model, rows, workers)


def measure_peer(bench: Bench, peer: Rival, python: Path, rounds: int, seconds: int) -> list[Table]:
    """Start a peer, and measure it in turn with the servers that ratios are to.

    It runs during its own measurement only, because some are busy without any request.

    Raises:
        NotReadyError: it does not start.
    """
    with start_rival(
        peer, bench.folder, bench.model, bench.rows, bench.workers, python
    ) as contenders:
        warm_up(contenders)
        bases = tuple(BASELINES.values())
        others = [other for other in bench.contenders if other.name.startswith(bases)]
        return measure_in_turn([*others, *contenders], rounds, seconds)


def add_rows(tables: Sequence[Table], more: Sequence[Table], peer: Rival) -> list[Table]:
    """Return tables with the rows of a peer from tables of another measurement."""
    return [
        table.model_copy(
            update={
                "rows": (
                    *table.rows,
                    *(row for row in other.rows if str(row[0]).startswith(peer.name)),
                )
            }
        )
        for table, other in zip(tables, more, strict=True)
    ]


def name_left_out(table: Table, left_out: Mapping[str, str]) -> Table:
    """Return a table whose caption names the peers that were not measured, and why."""
    if not left_out:
        return table
    reasons = "; ".join(f"{PEERS[name].name} ({reason})" for name, reason in left_out.items())
    return table.model_copy(update={"caption": f"{table.caption} Left out: {reasons}."})


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


def our_contenders(server: Product) -> Iterator[Contender]:
    """Yield every compared request to our server, as a client would send it."""
    engine = load_engine(server.store, server.store.current())
    bottoms = engine.snapshot.hierarchy.bottoms
    series = [
        {"store_nbr": int(store), "family": family, "horizon": 15}
        for store, family in zip(bottoms["store_nbr"], bottoms["family"], strict=True)
    ][:BODIES]
    simple = tuple(map(orjson.dumps, series))
    rows = _rows(server.store)
    raw = tuple(orjson.dumps({"features": row}) for row in rows[:BODIES])
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
    ones = tuple(tensor_body([row]) for row in rows[:BODIES])
    yield of(f"{infer}, a row", ONE, path=infer, bodies=ones, headers=(key,))
    many = (tensor_body((rows * ROWS)[:ROWS]),)
    yield of(f"{infer}, {ROWS} rows", MANY, path=infer, bodies=many, headers=(key,))
    of_batch = partial(of, work=MANY, path="/predict/batch", bodies=batch)
    yield of_batch(f"/predict/batch, {ROWS} series, cached", headers=(key,))
    yield of_batch(f"/predict/batch, {ROWS} series, computed", headers=(key, no_cache))


def _rows(store: Store) -> list[list[float]]:
    """Return the golden rows of the bundle's first graph, NaN as 0 because JSON has no NaN."""
    golden = np.nan_to_num(np.load(_bundle(store) / GOLDEN_ROWS_FILE))
    bundle = load_engine(store, store.current()).bundle
    rows = golden[golden[:, bundle.contract.horizon_column] <= min(bundle.facts.segments)]
    return rows.astype(float).tolist()  # type: ignore[no-any-return]


def _bundle(store: Store) -> Path:
    return store.bundles / store.current().bundle


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
