"""`mlrf models`: list, compare, promote and roll back releases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.actor import cli_actor
from cli.database import database
from cli.output import AsJson, format_time, print_json, print_table
from cli.progress import say, warn
from cli.quality import LEVELS, show_quality
from cli.tracking import follow_champion, track_bundle
from config.settings import get_settings
from config.values import artifacts_url_fault
from errors import InputError

if TYPE_CHECKING:
    from lifecycle.registry import Registry
    from lifecycle.releases import ListedRelease, Promotion
    from storage.artifacts import Store

app = typer.Typer(
    help="List, compare, promote and roll back models; servers that run follow within a second.",
    no_args_is_help=True,
)

Bundle = Annotated[
    str, typer.Argument(help="Name of a bundle, as `mlrf models list` shows it, or its beginning.")
]
Url = Annotated[
    str | None, typer.Argument(help="Such as s3://bucket/folder; ARTIFACTS_URL if left out.")
]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Although it was rejected, or is the demo's; needs a reason."),
]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show the models in ARTIFACTS_DIR, the active one first."""
    with open_registry() as registry:
        releases = registry.releases()
    if as_json:
        print_json([_document_of(each) for each in releases])
        return
    headings = ("bundle", "state", "since", "by", "data through", "snapshot", "reason")
    print_table(headings, [_row_of(each) for each in releases])


@app.command()
def show(bundle: Bundle, as_json: AsJson = False) -> None:
    """Show a model: its state and how it came to it, its recipe, and its figures."""
    with open_registry() as registry:
        release, history = registry.history(bundle)
        metrics = registry.metrics(release) if release.exists else {}
        verdict = registry.verdict(release)
    changes = [
        {**asdict(change), "at": format_time(change.at), "state": str(change.state)}
        for change in history
    ]
    if as_json:
        print_json(
            {**_document_of(release), "changes": changes, "verdict": verdict, "metrics": metrics}
        )
        return
    print_table(
        ("at", "state", "snapshot", "by", "reason"),
        [
            (each["at"], each["state"], each["snapshot"], each["actor"], each["reason"])
            for each in changes
        ],
        caption=f"{release.bundle}: {release.state}",
    )
    if verdict is not None:
        say(f"Compared with {verdict['champion']}: {verdict['outcome']}, {verdict['why']}.")
    if release.exists:
        show_quality(_store().bundles / release.bundle)


@app.command()
def compare(
    first: Bundle,
    second: Annotated[str, typer.Argument(help="The other one.")],
    as_json: AsJson = False,
) -> None:
    """Compare the figures that two trainings recorded, by level and days ahead."""
    from lifecycle.comparison import MEASURES, compare_figures

    with open_registry() as registry:
        both = [registry.find(first), registry.find(second)]
        compared = compare_figures(*map(registry.metrics, both))
    names = {"first": both[0].bundle, "second": both[1].bundle}
    if as_json:
        print_json({"bundles": names, **compared})
        return
    rows = [
        (level, days, *(_pair(figures[measure]) for measure in MEASURES))
        for level in LEVELS
        for days, figures in compared["levels"][level].items()
    ]
    spans = [f"{span['first']} to {span['last']}" for span in compared["origins"].values()]
    print_table(
        ("level", "ahead", "WAPE", "bias", "RMSLE", "80 % holds", "95 % holds"),
        rows,
        caption=f"{names['first']} → {names['second']}, forecast from {spans[0]} and {spans[1]}",
    )
    if not compared["same_days"]:
        warn("the figures are not of the same days, so a difference may be that of the days")


@app.command()
def promote(
    bundle: Bundle,
    reason: Reason = "",
    snapshot: Annotated[
        str | None,
        typer.Option(
            help="Data to serve with it; if left out, what is served now, if the model fits it, "
            "or else what it was trained on."
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Serve a model from now on; the one before is retired."""
    with open_registry() as registry:
        done = registry.promote(
            bundle, by=cli_actor(), reason=reason, snapshot=snapshot, force=force
        )
    _report(done, as_json=as_json)
    follow_champion()


@app.command()
def rollback(reason: Reason = "", as_json: AsJson = False) -> None:
    """Serve the model that was active before; the one that is now is rejected."""
    with open_registry() as registry:
        done = registry.rollback(by=cli_actor(), reason=reason)
    _report(done, as_json=as_json)
    follow_champion()


@app.command()
def retire(bundle: Bundle, reason: Reason = "", as_json: AsJson = False) -> None:
    """Take a model out of the choice; its files stay."""
    with open_registry() as registry:
        done = registry.retire(bundle, by=cli_actor(), reason=reason)
    if as_json:
        print_json(_document_of(done))
        return
    say(f"Bundle {done.bundle} is retired.")


@app.command()
def track(bundle: Bundle) -> None:
    """Record a model's training in MLflow, if it is not recorded yet."""
    with open_registry() as registry:
        listed = registry.find(bundle)
    track_bundle(listed.release)


@app.command("export")
def export_model(
    bundle: Bundle,
    out: Annotated[Path, typer.Option(help="File to write; one that exists is replaced.")],
) -> None:
    """Write a model and its data into a tar file, to be imported elsewhere."""
    from lifecycle.archive import export_release

    with open_registry() as registry:
        listed = registry.find(bundle)
    try:
        export_release(_store(), listed.release, out)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    say(f"Wrote bundle {listed.bundle} and snapshot {listed.snapshot} to {out}.")


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="Tar file that `mlrf models export` wrote.")],
) -> None:
    """Add the model of a tar file, checked byte by byte, as a candidate."""
    from lifecycle.archive import import_release

    release = import_release(_store(), file)
    with open_registry() as registry:
        listed = registry.find(release.bundle)
    say(
        f"Bundle {listed.bundle} is here, {listed.state}. To serve it: mlrf models promote "
        f"{listed.bundle}"
    )


@app.command()
def publish(bundle: Bundle, url: Url = None) -> None:
    """Write a model and its data to a URL, for servers that fetch what they serve from there."""
    from lifecycle.publication import publish_release
    from storage.release_changes import ReleaseState

    target = _choose_url(url)
    with open_registry() as registry:
        listed = registry.find(bundle)
    if listed.state is ReleaseState.REJECTED:
        raise InputError(
            f"release {listed.bundle} is not published: it was rejected "
            f"({listed.reason or listed.by}). Promote it first, or publish another one"
        )
    store = _store()
    count = publish_release(store, store.adapted(listed.release), target)
    say(
        f"Bundle {listed.bundle} and snapshot {listed.snapshot} are what {target} names from now "
        f"on; {count} files were written."
    )


@app.command()
def fetch(url: Url = None) -> None:
    """Fetch the model that a URL names, with its data, and serve it from now on."""
    from lifecycle.publication import fetch_release

    source = _choose_url(url)
    release = fetch_release(source, _store())
    say(
        f"Bundle {release.bundle} and snapshot {release.snapshot} of {source} are served from now "
        "on."
    )
    follow_champion()


def prune(
    models: Annotated[
        int, typer.Option(min=0, help="Models to keep, besides the active one and its predecessor.")
    ] = 5,
    snapshots: Annotated[int, typer.Option(min=1, help="Snapshots of the data to keep.")] = 3,
    days: Annotated[int, typer.Option(min=0, help="What is younger stays.")] = 7,
    vintages: Annotated[
        int, typer.Option(min=0, help="Days for which kept forecasts stay after their last day.")
    ] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; else it is only listed.")] = False,
) -> None:
    """List models, data and forecasts that nothing needs, or remove them with --yes."""
    from lifecycle.retention import prune as remove

    store = _store()
    with open_registry() as registry:
        needed, unneeded = registry.divide_by_need(models)
    try:
        names = remove(
            store,
            keep=snapshots,
            age=days * 86_400,
            needed=[each.snapshot for each in needed],
            bundles=[each.bundle for each in unneeded],
            vintage_days=vintages,
            dry_run=not yes,
        )
    except OSError as error:
        raise InputError(f"{store.root} cannot be written: {error.strerror}") from error
    for name in names:
        typer.echo(name)
    if not names:
        say("There is nothing to remove.")
    elif not yes:
        say(f"{len(names)} folders would be removed. To remove them: mlrf prune --yes")
    else:
        say(f"Removed {len(names)} folders.")


@contextmanager
def open_registry() -> Iterator[Registry]:
    """Yield the registry of the settings' store and database."""
    from lifecycle.registry import Registry

    with database() as engine:
        yield Registry(_store(), engine)


def _choose_url(url: str | None) -> str:
    """Return the URL of a command, or that of the settings.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    chosen = url or get_settings().artifacts_url
    if chosen is None:
        raise InputError("ARTIFACTS_URL: is not set, and no URL is named")
    if wrong := artifacts_url_fault(chosen):
        raise InputError(f"the URL {wrong}")
    return chosen


def _store() -> Store:
    return get_settings().store


def _report(done: Promotion, *, as_json: bool) -> None:
    if as_json:
        before = None if done.before is None else done.before.names
        print_json({"before": before, "after": done.after.names})
        return
    if done.before == done.after:
        say(f"Bundle {done.after.bundle} was active already.")
        return
    replaced = "" if done.before is None else f", in place of {done.before.bundle}"
    say(
        f"Bundle {done.after.bundle} and snapshot {done.after.snapshot} are served from now on"
        f"{replaced}."
    )


def _document_of(release: ListedRelease) -> dict[str, Any]:
    through = release.trained_through
    return {
        **asdict(release),
        "state": str(release.state),
        "changed": format_time(release.changed),
        "activated": format_time(release.activated),
        "trained_through": through.isoformat() if through else None,
    }


def _row_of(release: ListedRelease) -> tuple[str, ...]:
    through = "bundle is gone" if release.trained_through is None else str(release.trained_through)
    return (
        release.bundle,
        str(release.state),
        f"{release.changed:%Y-%m-%d %H:%M}",
        release.by,
        through + (" (demo)" if release.demo else ""),
        release.snapshot,
        release.reason,
    )


def _pair(figures: dict[str, float | None]) -> str:
    first, second = figures["first"], figures["second"]
    if first is None or second is None:
        return "–"
    return f"{first:.4f} → {second:.4f}"
