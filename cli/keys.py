"""`mlrf keys`: create, list, rotate and revoke API keys.

Only a new key itself goes to standard output, so that it can be piped to where it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.actor import cli_actor
from cli.database import database
from cli.output import AsJson, format_time, print_json, print_table
from cli.progress import err
from config.settings import get_settings
from errors import InputError
from storage.keys import ApiKey, Scope

if TYPE_CHECKING:
    from storage.key_store import KeyStore, NewKey

_DEFAULT_SCOPES = [Scope.FORECAST, Scope.EXPLAIN, Scope.WHATIF, Scope.BATCH]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_SECONDS = 100 * 365 * 86_400
"""A hundred years of 365 days."""

app = typer.Typer(help="Create, list, rotate and revoke API keys.", no_args_is_help=True)


def duration(text: str) -> timedelta:
    """Parse a length of time such as `90d`, `24h`, `30m`, `2w` or `10s`.

    Zero is accepted: `--grace 0s` ends the old key at once. The key store refuses `--expires 0s`.

    Raises:
        BadParameter: it has another form, or is longer than a hundred years of 365 days.
    """
    match = re.fullmatch(r"([0-9]{1,12})([smhdw])", text)
    if match is None or (seconds := int(match[1]) * _UNITS[match[2]]) > _MAX_SECONDS:
        raise typer.BadParameter(
            f"{text!r} is not a time such as 90d, 24h or 30m of at most 100 years"
        )
    return timedelta(seconds=seconds)


Id = Annotated[str, typer.Argument(help="The key's public id, as `mlrf keys list` shows it.")]


@app.command()
def create(
    client: Annotated[str, typer.Argument(help="Whose key it is.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            help="What it may be used for; may be repeated. "
            f"If left out: {', '.join(_DEFAULT_SCOPES)}."
        ),
    ] = None,
    tier: Annotated[
        str | None, typer.Option(help="Which limits hold for it; DEFAULT_TIER if left out.")
    ] = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="TIME", help="When it expires, such as 90d; never if left out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    tier_name = _choose_tier(tier)
    until = datetime.now(UTC) + expires if expires is not None else None
    with _open_keys() as keys:
        new = keys.create(client, scope or _DEFAULT_SCOPES, tier_name, until, by=cli_actor())
    _print_key(new, as_json=as_json)


@app.command("list")
def list_keys(
    client: Annotated[str | None, typer.Option(help="Only the keys of this client.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the keys: what they are for and when they end, never the keys themselves."""
    now = datetime.now(UTC)
    with _open_keys() as keys:
        documents = [_key_document(key, now) for key in keys.list(client)]
    if as_json:
        print_json(documents)
        return
    headings = ("id", "client", "state", "scopes", "tier", "created", "expires", "last used")
    print_table(headings, [_row_cells(key) for key in documents])


@app.command()
def rotate(
    public_id: Id,
    grace: Annotated[
        timedelta,
        typer.Option(parser=duration, metavar="TIME", help="How long the old key goes on working."),
    ] = "24h",  # type: ignore[assignment]  # Typer parses the default like a given value
    as_json: AsJson = False,
) -> None:
    """Make a key in the place of another, which expires a while later, and print it, this once."""
    with _open_keys() as keys:
        new = keys.rotate(public_id, grace=grace, by=cli_actor())
        old = keys.find(public_id)
    _print_key(new, as_json=as_json)
    if old is not None:
        err.print(
            f"Key {old.id} expires {format_time(old.expires_at)}.", highlight=False, markup=False
        )


@app.command()
def revoke(public_id: Id, as_json: AsJson = False) -> None:
    """End a key; servers refuse it within seconds."""
    with _open_keys() as keys:
        key = keys.revoke(public_id, by=cli_actor())
    if as_json:
        print_json(_key_document(key, datetime.now(UTC)))
        return
    err.print(f"Key {key.id} of {key.client} is revoked.", highlight=False, markup=False)


@contextmanager
def _open_keys() -> Iterator[KeyStore]:
    from storage.key_store import KeyStore

    with database() as engine:
        yield KeyStore(engine)


def _choose_tier(name: str | None) -> str:
    settings = get_settings()
    if name is None:
        return settings.default_tier
    if name not in settings.tiers:
        raise InputError(f"tier {name!r}: one of {', '.join(settings.tiers)} is expected")
    return name


def _print_key(new: NewKey, *, as_json: bool) -> None:
    key = new.record
    if as_json:
        print_json({**_key_document(key, datetime.now(UTC)), "key": new.text})
        return
    until = f"expires {format_time(key.expires_at)}" if key.expires_at else "never expires"
    err.print(
        f"Key {key.id} for {key.client}: {', '.join(sorted(key.scopes))}; tier {key.tier}; "
        f"{until}. It is shown this once and cannot be recovered:",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    typer.echo(new.text)


def _row_cells(key: dict[str, Any]) -> tuple[str, ...]:
    times = ((key[name] or "never")[:16] for name in ("created_at", "expires_at", "last_used_at"))
    return (key["id"], key["client"], key["state"], _scopes_cell(key), key["tier"], *times)


def _key_document(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "client": key.client,
        "state": key.state(now),
        "scopes": sorted(key.scopes),
        "unknown_scopes": sorted(key.unknown_scopes),
        "tier": key.tier,
        "created_at": format_time(key.created_at),
        "expires_at": format_time(key.expires_at),
        "revoked_at": format_time(key.revoked_at),
        "last_used_at": format_time(key.last_used_at),
    }


def _scopes_cell(key: dict[str, Any]) -> str:
    """Return a key's scopes for the table, marking those that are unknown and ignored."""
    return " ".join([*key["scopes"], *(f"{name}(unknown)" for name in key["unknown_scopes"])])
