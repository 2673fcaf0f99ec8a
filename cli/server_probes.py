"""Commands that ask a running server: mlrf check-server, mlrf latency."""

from __future__ import annotations

import logging
from dataclasses import asdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from cli.output import AsJson, print_json, print_table
from cli.progress import err, say, warn
from config.settings import CallerSettings
from errors import InputError

if TYPE_CHECKING:
    import httpx

    from cli.probes.latency import Call, Measured, Run
    from cli.probes.server_check import ServerReport

Url = Annotated[str, typer.Argument(metavar="URL", help="Such as http://127.0.0.1:3000.")]

CALLS = ("forecast", "whatif", "hierarchy")
MAX_SECONDS, MAX_CONNECTIONS, MAX_RATE = 60.0, 32, 500.0
"""Bounds of a run: longer and heavier ones are what `load/` is for, on a server of their own."""


def check_server(
    url: Url,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds for the whole check.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Check that a server is ready, and its forecasts add up and are the same every time.

    The key is read from API_KEY or API_KEY_FILE; it needs the scope forecast. Prints one line; a
    line of the log where that is JSON. Ends with 0 if all is right, 1 if not, 2 if the command is
    not called rightly.
    """
    from cli.probes.connection import Connection, parse_address
    from cli.probes.server_check import check_server as check

    address = _parse(parse_address, url)
    connection = Connection(address, CallerSettings().key, timeout)
    try:
        report = check(connection)
    finally:
        connection.close()
    document = {"url": str(address), "ok": report.ok, **asdict(report)}
    if as_json:
        print_json(document)
    elif err.as_json:
        level = logging.INFO if report.ok else logging.ERROR
        structlog.get_logger("cli").log(level, "server_checked", **document)
    else:
        typer.echo(_outcome_line(address, report))
    raise typer.Exit(0 if report.ok else 1)


def latency(
    url: Url,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=MAX_SECONDS, help="Duration of the run.")
    ] = 5.0,
    connections: Annotated[
        int, typer.Option(min=1, max=MAX_CONNECTIONS, help="Requests at the same time, at most.")
    ] = 4,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=MAX_RATE,
            help="Requests a second, sent on time even if earlier ones are not answered; left out, "
            "each connection sends one when the one before is answered.",
        ),
    ] = None,
    call: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(CALLS)}; may be repeated. All, in turn, if left out."),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="The server may be loaded, though it is another machine's."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how long a server takes to answer: p50, p95, p99 and maximum of a short run.

    This is load: other machines' servers are refused without --yes. The key is read from API_KEY
    or API_KEY_FILE. Ends with 0 if every request was answered or limited, 1 if one failed, 2 if
    the command is not called rightly.
    """
    from cli.probes.connection import Connection, ProbeError, parse_address
    from cli.probes.latency import Call, Load, Offer, measure_latency

    address = _parse(parse_address, url)
    if unknown := set(call or ()) - set(CALLS):
        raise typer.BadParameter(f"--call: {', '.join(sorted(unknown))}: not in {', '.join(CALLS)}")
    if not yes and not _is_local(address):
        raise typer.BadParameter(
            f"{address.host} is not this machine, and this is load on it: up to {connections} "
            f"requests at once for {seconds:g} s. Add --yes if it may be loaded"
        )
    key = CallerSettings().key
    connection = Connection(address, key, seconds=10.0)
    try:
        offer = Offer.read(connection)
    except ProbeError as error:
        raise InputError(f"{address}{error.reason}. {error.advice}") from None
    except (KeyError, TypeError):
        raise InputError(f"{address} is not the address of MLRF") from None
    finally:
        connection.close()
    calls = [Call(name) for name in dict.fromkeys(call or CALLS)]
    run = measure_latency(address, key, offer, Load(calls, seconds, connections, rate))
    if as_json:
        print_json(_document_of(str(address), run))
    else:
        _print_run(run)
    failed = set(run.all.failures) - {"429"}
    raise typer.Exit(1 if failed else 0)


def _parse(parse: Any, url: str) -> httpx.URL:
    """Return the address of a server; end with status 2 if it is none."""
    try:
        address: httpx.URL = parse(url)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    return address


def _is_local(address: httpx.URL) -> bool:
    if address.host == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:  # a name
        return False


def _outcome_line(address: httpx.URL, report: ServerReport) -> str:
    seconds = sum(check.seconds for check in report.checks)
    if not report.ok:
        return f"failed: {address}: {report.reason}. {report.advice}".replace("..", ".")
    degraded = f"; degraded: {', '.join(report.degraded)}" if report.degraded else ""
    return (
        f"ok: {address}: {report.nodes:,} nodes add up, and a forecast is the same cached and "
        f"computed, in {seconds:.2f} s; model {report.model_version}, snapshot {report.snapshot}"
        f"{degraded}"
    )


_FIGURES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def _document_of(url: str, run: Run) -> dict[str, Any]:
    return {
        "url": url,
        "seconds": round(run.seconds, 3),
        "paused_seconds": round(run.paused, 3),
        "unsent": run.unsent,
        "calls": {call.value: _figures(each, run) for call, each in run.calls.items()},
        "all": _figures(run.all, run),
    }


def _figures(measured: Measured, run: Run) -> dict[str, Any]:
    times = {name: measured.percentile(share) for name, share in _FIGURES.items()}
    return {
        "requests": measured.requests,
        "per_second": round(measured.requests / run.seconds, 1),
        **{f"{name}_ms": None if ms is None else round(ms, 2) for name, ms in times.items()},
        "failures": dict(measured.failures),
    }


def _print_run(run: Run) -> None:
    rows: list[tuple[Call | str, Measured]] = list(run.calls.items())
    if len(rows) > 1:
        rows.append(("all", run.all))
    table = [[str(name), *_cells(_figures(each, run))] for name, each in rows]
    times = [f"{name} ms" for name in _FIGURES]
    print_table(["call", "requests", "per second", *times, "failures"], table)
    if refused := run.all.failures["429"]:
        warn(
            f"{refused:,} requests were refused, because the limit of the key was used up, and "
            f"nothing was sent for {run.paused:.1f} s; the figures are those of the others."
        )
    if run.unsent:
        warn(f"{run.unsent:,} requests were not sent, because all connections were waiting.")
    say("Times are as seen from here: network and this client are part of them.")


def _cells(figures: dict[str, Any]) -> list[str]:
    failures = ", ".join(f"{name}: {number:,}" for name, number in figures["failures"].items())
    times = [figures[f"{name}_ms"] for name in _FIGURES]
    return [
        f"{figures['requests']:,}",
        f"{figures['per_second']:,.1f}",
        *("–" if ms is None else f"{ms:,.2f}" for ms in times),
        failures or "none",
    ]
