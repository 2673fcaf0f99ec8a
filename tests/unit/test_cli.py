"""The command: training, scoring, starting the server, and errors in one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from config.paths import ROOT
from config.settings import get_settings
from features.data.reading.schema import SCHEMAS
from features.data.snapshot_files import load_snapshot
from features.data.step import Step
from lifecycle.training_request import Effort
from models import base_forecasts
from models.serving.release import load_release
from storage.artifacts import Release, Store
from tests.support.command import Run, set_environment
from training import recipe as recipes
from training.evaluation import reconciliation_study
from training.evaluation.backtest_result import Document, write_document
from training.evaluation.reports.model_card import model_card
from training.recipe import Recipe

pytestmark = pytest.mark.slow

_JSON = "-H 'Content-Type: application/json'"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    """Set up an environment with its own artifacts and return its store."""
    set_environment(
        monkeypatch,
        ARTIFACTS_DIR=tmp_path / "artifacts",
        DATABASE_URL=f"sqlite:///{tmp_path}/var/mlrf.db",
    )
    yield Store(tmp_path / "artifacts")
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _small_training(monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> None:
    """Train a small model on any data, with few threads for the sake of parallel tests."""
    monkeypatch.setattr(recipes, "DEMO", recipe)
    for module in (recipes, reconciliation_study):
        monkeypatch.setattr(module, "recipe_for", lambda snapshot: recipe)
    monkeypatch.setattr("training.inputs.cores", lambda: 1)


@pytest.fixture
def tables(demo_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the demo tables that the test may damage."""
    return Path(shutil.copytree(demo_folder, tmp_path / "tables"))


# --- help -------------------------------------------------------------------------------------


def test_help_lists_every_command(run: Run) -> None:
    done = run("--help")
    assert done.status == 0
    for subcommand in (
        "serve",
        "check",
        "train",
        "backtest",
        "seal",
        "card",
        "forecast",
        "reconcile-study",
        "demo",
    ):
        assert re.search(rf"^│ {subcommand}\s+\S", done.out, flags=re.M)


def test_the_command_imports_no_training_library_until_it_trains() -> None:
    """The image serves without polars, and help must not pay for its import."""
    script = """
import sys
for name in ("polars", "lightgbm", "onnx", "onnxmltools", "bentoml"):
    sys.modules[name] = None
from cli import main as command
command.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout


# --- train ------------------------------------------------------------------------------------


def test_a_model_that_is_not_to_be_served_is_a_candidate(
    run: Run, demo_folder: Path, own_settings: Store
) -> None:
    done = run("train", demo_folder, "--promote", "never")
    assert done.status == 0
    assert not own_settings.pointer.exists()
    (bundle,) = own_settings.bundles.iterdir()
    assert f"mlrf models promote {bundle.name}" in done.err


def test_a_candidate_is_compared_and_named_for_scripts(
    run: Run, demo_folder: Path, own_settings: Store, tmp_path: Path
) -> None:
    assert run("train", demo_folder).status == 0
    before = own_settings.current()
    newer = tmp_path / "newer"
    shutil.copytree(demo_folder, newer)
    promotions = pl.read_parquet(newer / "train.parquet").with_columns(onpromotion=pl.lit(0))
    promotions.write_parquet(newer / "train.parquet")
    done = run("train", newer, "--promote", "never", "--json")
    candidate = Release(**json.loads(done.out))
    assert own_settings.current() == before != candidate
    verdict = own_settings.read_build(candidate.bundle)["verdict"]
    assert (verdict["champion"], verdict["outcome"]) == (before.bundle, "unknown")


def test_a_model_is_served_only_if_it_is_better_than_the_one_that_serves(
    run: Run, demo_folder: Path, own_settings: Store, tmp_path: Path
) -> None:
    """The model before has seen the same days, so nothing says that the new one is better."""
    first = run("train", demo_folder)
    assert first.status == 0, first.err
    before = own_settings.current()
    newer = tmp_path / "newer"
    shutil.copytree(demo_folder, newer)
    promotions = pl.read_parquet(newer / "train.parquet").with_columns(onpromotion=pl.lit(0))
    promotions.write_parquet(newer / "train.parquet")
    second = run("train", newer)
    assert second.status == 0, second.err
    assert f"Compared with {before.bundle}, the model is unknown" in second.err
    assert "mlrf models promote" in second.err
    assert own_settings.current() == before
    assert run("train", newer, "--promote", "always").status == 0
    assert own_settings.current() != before


def test_the_demo_is_no_model_to_compare_a_retailers_with(
    run: Run, demo_folder: Path, own_settings: Store
) -> None:
    assert run("train").status == 0
    before = own_settings.current()
    done = run("train", demo_folder)
    assert done.status == 0, done.err
    assert "Compared with" not in done.err
    assert own_settings.current().bundle != before.bundle or (
        own_settings.current().snapshot != before.snapshot
    )


def test_the_demo_does_not_take_the_place_of_a_retailer_unless_forced(
    run: Run, own_settings: Store, trained: Store
) -> None:
    """`make train` where `DATA=` was forgotten."""
    shutil.copytree(trained.root, own_settings.root)
    before = own_settings.current()
    done = run("train")
    assert before.bundle in done.error_line
    assert "--force" in done.error_line
    assert own_settings.current() == before
    assert run("train", "--force").status == 0
    served = load_snapshot(own_settings.snapshots / own_settings.current().snapshot)
    assert served.facts.demo


def test_train_makes_a_release_that_serves(
    run: Run, demo_folder: Path, own_settings: Store
) -> None:
    done = run("train", demo_folder)
    snapshot = load_snapshot(own_settings.snapshots / own_settings.current().snapshot)
    assert not snapshot.facts.demo, "tables that are given are nobody's demo"
    assert done.status == 0
    release = own_settings.current()
    assert load_release(own_settings, release).engine.bundle.name == release.bundle
    assert release.bundle in done.err
    assert release.snapshot in done.err
    assert "fit" in done.err, "the steps are shown"
    assert "48, named by store_nbr, family" in done.err, "what was understood is shown"
    assert "WAPE" in done.out, "the quality is shown"


@pytest.mark.parametrize("effort", ["fast", "best"])
def test_a_training_may_cost_less_or_more(
    run: Run, one_store: Path, own_settings: Store, recipe: Recipe, effort: Effort
) -> None:
    assert run("train", one_store, "--recipe", effort).status == 0
    bundle = load_release(own_settings, own_settings.current()).engine.bundle
    used = Recipe.model_validate(bundle.facts.recipe)
    assert used == recipe.with_effort(Effort(effort)).reaching(Step.DAY, recipe.horizon)


def test_train_on_dask_makes_a_release_that_serves(
    run: Run, one_store: Path, own_settings: Store
) -> None:
    done = run("train", one_store, "--engine", "dask")
    assert done.status == 0
    release = own_settings.current()
    assert load_release(own_settings, release).engine.bundle.name == release.bundle


@pytest.mark.parametrize(
    "command", [["train"], ["backtest"], ["benchmark", "fev-favorita"]], ids=" ".join
)
@pytest.mark.parametrize(
    "option", [["--workers", "2"], ["--scheduler", "tcp://127.0.0.1:1"]], ids=" ".join
)
def test_options_of_a_cluster_are_refused_without_one(
    run: Run, demo_folder: Path, own_settings: Store, command: list[str], option: list[str]
) -> None:
    done = run(*command, demo_folder, *option)
    assert done.error_line == (
        "mlrf: --scheduler and --workers are of a Dask cluster: add --engine dask"
    )


@pytest.mark.parametrize(
    ("command", "library", "extra"),
    [
        (["train"], "lightgbm", "train"),
        (["train", "--engine", "dask"], "dask", "dask"),
        (["backtest"], "matplotlib", "backtest"),
    ],
    ids=["train", "train on dask", "backtest"],
)
def test_a_command_without_its_libraries_says_what_to_install(
    run: Run,
    demo_folder: Path,
    own_settings: Store,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    library: str,
    extra: str,
) -> None:
    for name in [name for name in sys.modules if name.startswith("training.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)  # simulates a missing library
    name, *options = command
    line = run(name, demo_folder, *options).error_line
    assert f"{library} is not installed" in line
    assert f"extra `{extra}`" in line
    assert not own_settings.root.exists()


def test_a_wrong_table_is_named_with_row_and_column(
    run: Run, tables: Path, own_settings: Store
) -> None:
    file = tables / "train.parquet"
    frame = pl.read_parquet(file)
    wrong = pl.when(pl.int_range(pl.len()) == 41).then(-1.0).otherwise(pl.col("sales"))
    frame.with_columns(sales=wrong).write_parquet(file)
    assert run("train", tables).error_line == (
        f"mlrf: {file}, row 42, column sales: '-1.0' where a number of at least 0 is expected; if "
        "it is what was returned, write returns: net (taken off the sales before) or returns: clip "
        "(read as 0) into retailer.yaml"
    )
    assert not own_settings.pointer.exists()


@pytest.mark.parametrize("command", ["train", "backtest"])
def test_a_missing_folder_is_named(run: Run, tmp_path: Path, command: str) -> None:
    missing = tmp_path / "nowhere [1]"
    line = run(command, missing).error_line
    assert line.startswith(f"mlrf: {missing}: is not a folder")


def test_a_missing_table_is_named(run: Run, tables: Path) -> None:
    (tables / "oil.parquet").unlink()
    assert run("train", tables).error_line == f"mlrf: {tables}: holds no oil.parquet or oil.csv"


def test_too_little_history_is_reported(run: Run, tables: Path) -> None:
    for name in ("train", "test"):
        file = tables / f"{name}.parquet"
        pl.read_parquet(file).filter(pl.col("date") < pl.date(2021, 1, 31)).write_parquet(file)
    (tables / "test.parquet").unlink()
    assert "days of sales" in run("train", tables).error_line


def test_the_cause_is_part_of_the_line(run: Run, tables: Path) -> None:
    """An unreadable file is reported with its cause."""
    (tables / "oil.parquet").write_bytes(b"no parquet")
    line = run("train", tables).error_line
    assert "oil.parquet" in line
    assert "parquet" in line.partition("cannot be read")[2]


@pytest.mark.parametrize(
    ("variable", "text"), [("PORT", "http"), ("RUNNERS", "threads"), ("WORKERS", "0")]
)
def test_a_wrong_setting_is_named_by_its_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, demo_folder: Path, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    assert run("train", demo_folder).error_line.startswith(f"mlrf: {variable}: Input should be ")


@pytest.mark.parametrize(
    "arguments",
    [("train", "--threads", "0"), ("backtest", "--short", "0"), ("train", "--colour")],
    ids=" ".join,
)
def test_a_wrong_option_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert arguments[1] in done.err


# --- backtest ---------------------------------------------------------------------------------


@pytest.fixture
def one_store(tables: Path) -> Path:
    """Return tables of one store and three families, which score fast."""
    for name in ("train", "test", "stores", "transactions"):
        file = tables / f"{name}.parquet"
        frame = pl.read_parquet(file).filter(pl.col("store_nbr") == 1)
        if "family" in frame.columns:
            families = sorted(frame["family"].unique())[:3]
            frame = frame.filter(pl.col("family").is_in(families))
        frame.write_parquet(file)
    return tables


def test_backtest_prints_the_scores_and_writes_the_rest(
    run: Run, one_store: Path, tmp_path: Path, own_settings: Store
) -> None:
    out = tmp_path / "scores"
    done = run("backtest", one_store, "--out", out, "--short", 1, "--long", 1)
    assert done.status == 0
    rows = [line.split("│")[1:-1] for line in done.out.splitlines() if line.startswith("│")]
    scores = {(group.strip(), model.strip()): float(rmsle) for group, model, rmsle, _ in rows}
    means = json.loads((out / "backtest.json").read_text(encoding="utf-8"))["means"]
    assert scores == {
        (f"{group} (mean of {values['windows']})", model): round(values["rmsle"], 4)
        for group, models in means.items()
        for model, values in models.items()
    }
    assert "mlrf" in {model for _, model in scores}
    assert str(out) in done.err.replace("\n", "")
    assert (out / "report.html").is_file()
    assert not own_settings.root.exists(), "it leaves the artifacts alone"


# --- reconcile-study --------------------------------------------------------------------------


def test_reconcile_study_prints_every_method_and_writes_the_rest(
    run: Run, one_store: Path, tmp_path: Path, own_settings: Store
) -> None:
    out = tmp_path / "study.json"
    done = run("reconcile-study", one_store, "--out", out, "--rows", 2_000, "--trees", 3)
    assert done.status == 0
    rows = [line.split("│")[1:-1] for line in done.out.splitlines() if line.startswith("│")]
    printed = {row[0].strip(): [float(figure) for figure in row[1:3]] for row in rows}
    means = json.loads(out.read_text(encoding="utf-8"))["means"]
    assert printed == {
        name: [round(scores["rmsle"], 4), round(scores["wrmsse"], 4)]
        for name, scores in means.items()
    }
    assert not own_settings.root.exists(), "it leaves the artifacts alone"


# --- seal and card ----------------------------------------------------------------------------


def test_seal_joins_a_backtest_to_the_bundle_that_serves(
    run: Run, trained: Store, own_settings: Store, document: Document, tmp_path: Path
) -> None:
    shutil.copytree(trained.root, own_settings.root)
    bundle = load_release(trained, trained.current()).engine.bundle
    of_bundle = {"snapshot": bundle.facts.training_data, "recipe": bundle.facts.recipe}
    write_document(tmp_path / "done" / "backtest.json", document | of_bundle)
    done = run("seal", tmp_path / "done")
    assert done.status == 0
    release = own_settings.current()
    assert release != trained.current()
    assert release.bundle in done.err
    assert "backtest" in load_release(own_settings, release).engine.bundle.metrics


def test_seal_refuses_a_backtest_of_another_model_in_one_line(
    run: Run, trained: Store, own_settings: Store, backtested: Path
) -> None:
    shutil.copytree(trained.root, own_settings.root)
    bundle = trained.current().bundle
    file = backtested / "backtest.json"
    assert (
        run("seal", backtested).error_line
        == f"mlrf: {file}: is of another recipe than bundle {bundle}"
    )
    assert own_settings.current() == trained.current()


def test_card_prints_the_model_card_or_writes_it(
    run: Run, backtested: Path, document: Document, tmp_path: Path
) -> None:
    printed = run("card", backtested / "backtest.json")
    assert (printed.status, printed.out) == (0, model_card(document))
    file = tmp_path / "new" / "MODEL_CARD.md"
    written = run("card", backtested / "backtest.json", "--out", file)
    assert (written.status, written.out) == (0, "")
    assert file.read_text(encoding="utf-8") == printed.out


def test_card_of_something_else_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    line = run("card", tmp_path / "other.json").error_line
    assert line.endswith("other.json: does not hold the result of a backtest")


# --- forecast ---------------------------------------------------------------------------------


@pytest.fixture
def with_model(monkeypatch: pytest.MonkeyPatch, own_store: Store) -> Store:
    """Set up an environment with a trained model."""
    monkeypatch.setenv("ARTIFACTS_DIR", str(own_store.root))
    return own_store


def test_forecast_writes_a_file_for_test(
    run: Run, with_model: Store, demo_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "forecast.csv"
    done = run("forecast", demo_folder, "--out", out)
    assert done.status == 0
    frame, test = pl.read_csv(out), pl.read_parquet(demo_folder / "test.parquet")
    assert frame["id"].to_list() == test["id"].to_list()
    assert frame.columns[4:] == ["sales", "lower_80", "upper_80", "lower_95", "upper_95"]
    ascending = [pl.col(name) for name in ("lower_95", "lower_80", "sales", "upper_80", "upper_95")]
    assert frame.select(pl.all_horizontal(a <= b for a, b in pairwise(ascending)).all()).item()
    output = done.err.replace("\n", " ")
    assert "Wrote 768 forecasts from 2024-07-01 to 2024-07-16" in output
    assert with_model.current().bundle in output
    for step in ("read tables", "build snapshot", "forecast all nodes", "write file"):
        assert step in done.err


@pytest.mark.slow
def test_forecast_on_a_dask_cluster_writes_the_same_file(
    run: Run,
    with_model: Store,
    demo_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    assert run("forecast", demo_folder, "--out", here).status == 0
    shutil.rmtree(with_model.forecasts)
    monkeypatch.setattr(base_forecasts, "PART_ROWS", 1)
    done = run("forecast", demo_folder, "--engine", "dask", "--workers", 2, "--out", there)
    assert done.status == 0, done.err
    assert there.read_bytes() == here.read_bytes()


def test_forecast_takes_days_and_levels(
    run: Run, with_model: Store, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out the file is forecast.csv in the working directory."""
    (tables / "test.parquet").unlink()
    monkeypatch.chdir(tmp_path)
    assert run("forecast", tables, "--days", 3, "--levels").status == 0
    frame = pl.read_csv(tmp_path / "forecast.csv")
    bottoms = pl.col("id").is_not_null()
    assert frame.filter(bottoms).height == 3 * 48
    total = frame.filter(pl.col("node") == "total")["sales"].sum()
    assert frame.filter(bottoms)["sales"].sum() == pytest.approx(total, rel=1e-9)


def test_forecast_without_a_model_says_what_to_do(
    run: Run, demo_folder: Path, own_settings: Store, tmp_path: Path
) -> None:
    line = run("forecast", demo_folder, "--out", tmp_path / "forecast.csv").error_line
    assert line.startswith(f"mlrf: {own_settings.pointer}: does not exist: train a model first")
    assert not (tmp_path / "forecast.csv").exists()


def test_forecast_into_a_missing_folder_is_one_line(
    run: Run, with_model: Store, demo_folder: Path, tmp_path: Path
) -> None:
    line = run("forecast", demo_folder, "--out", tmp_path / "no" / "forecast.csv").error_line
    assert line == (
        f"mlrf: {tmp_path / 'no'}: is not a folder; OUT must name a file in one that exists"
    )


def test_forecast_needs_tables(run: Run) -> None:
    """Otherwise a retailer's model would forecast the demo data."""
    done = run("forecast")
    assert done.status == 2
    assert "data" in done.err.lower()


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), '--out "forecast.csv"'),
        (("OUT=a.csv", "LEVELS=1", "DAYS=4"), '--out "a.csv" --levels --days "4"'),
        (("LEVELS=0",), '--out "forecast.csv"'),
    ],
    ids=["default", "all", "no levels"],
)
def test_make_forecast_calls_the_command(arguments: tuple[str, ...], options: str) -> None:
    done = subprocess.run(
        ["make", "-n", "forecast", "DATA=my tables", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    commands = " ".join(done.stdout.replace("\\\n", " ").split())
    assert commands.endswith(f'mlrf forecast "my tables" {options}')


# --- demo -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "suffix"), [((), "parquet"), (("--csv",), "csv")], ids=["parquet", "csv"]
)
def test_demo_writes_tables_and_names_files_and_next_command(
    run: Run, tmp_path: Path, options: tuple[str, ...], suffix: str
) -> None:
    folder = tmp_path / "my tables"
    done = run("demo", folder, *options)
    assert done.status == 0
    written = sorted(path.name for path in folder.iterdir())
    assert written == sorted(f"{name}.{suffix}" for name in SCHEMAS)
    assert all(name in done.err for name in written)
    assert done.err.rstrip().endswith(f"mlrf train '{folder}'")


def test_demo_is_not_written_beside_tables_of_the_other_format(run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("mine")
    assert str(tmp_path / "train.csv") in run("demo", tmp_path).error_line
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


def test_demo_says_which_folder_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = run("demo", tmp_path / "file" / "tables").error_line
    assert line.startswith(f"mlrf: {tmp_path / 'file' / 'tables'} cannot be written: ")


# --- serve ------------------------------------------------------------------------------------


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that would have replaced this process."""
    commands: list[list[str]] = []
    monkeypatch.setenv("AUTH_MODE", "")  # restored afterwards: `mlrf serve` sets it
    monkeypatch.setattr("os.execv", lambda path, command: commands.append(command))
    return commands


def test_serve_replaces_itself_with_the_server_of_the_current_model(
    run: Run,
    executed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    trained: Store,
) -> None:
    for variable, value in (
        ("ARTIFACTS_DIR", str(trained.root)),
        *(("HOST", "127.0.0.2"), ("PORT", "4321"), ("GRACEFUL_SHUTDOWN_SECONDS", "7")),
    ):
        monkeypatch.setenv(variable, value)
    done = run("serve")
    assert done.status == 0
    assert trained.current().bundle in done.err
    assert "curl http://127.0.0.2:4321/health" in done.err
    (command,) = executed
    text = " ".join(command)
    assert text.startswith(f"{sys.executable} -m bentoml serve service:MLRF ")
    for option in (
        f"--working-dir {ROOT}",
        *("--host 127.0.0.2", "--port 4321", "--timeout-graceful-shutdown 7"),
    ):
        assert option in text


def test_serve_trains_on_the_demo_data_when_there_is_no_model(
    run: Run, executed: list[list[str]], own_settings: Store
) -> None:
    done = run("serve")
    assert done.status == 0
    assert "training one on the built-in demo data" in done.err
    assert own_settings.current().bundle in done.err
    assert load_snapshot(own_settings.snapshots / own_settings.current().snapshot).facts.demo
    assert len(executed) == 1


def test_a_damaged_pointer_is_an_error_and_does_not_train(
    run: Run, executed: list[list[str]], own_settings: Store
) -> None:
    """A demo model must never replace a retailer's."""
    own_settings.root.mkdir()
    own_settings.pointer.write_text("bundle=mine\n", encoding="utf-8")
    assert run("serve").error_line.startswith(f"mlrf: {own_settings.pointer}: names no snapshot; ")
    assert own_settings.pointer.read_text(encoding="utf-8") == "bundle=mine\n"
    assert executed == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("HOST", "x86_64-conda-linux-gnu", id="a host that there is not"),
        pytest.param("REDIS_URL", "redis://:pa#ss@127.0.0.1:6399/0", id="# in a password"),
        pytest.param("DATABASE_URL", "mysql://host/db", id="a database that is not taken"),
        pytest.param("BENTOML_HOME", "/proc/nowhere", id="a folder that cannot be written"),
        pytest.param("PORT", "http", id="a port that is no number"),
    ],
)
def test_serve_reports_an_invalid_setting_in_one_line_and_nothing_else(
    run: Run,
    executed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    own_settings: Store,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    done = run("serve")
    assert done.error_line.startswith(f"mlrf: {variable}: ")
    assert "Serving" not in done.err
    assert not own_settings.pointer.exists(), "nothing is trained for a server that cannot start"
    assert executed == []


def test_serve_reports_every_fault_on_its_own_line(
    run: Run, executed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "nowhere.invalid")
    monkeypatch.setenv("DATABASE_URL", "mysql://host/db")
    done = run("serve")
    assert done.status == 1
    assert re.findall(r"(?m)^mlrf: ([A-Z_]+): ", done.err) == ["HOST", "DATABASE_URL"]


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        pytest.param({"API_KEY": "k" * 32}, '-H "X-API-Key: $API_KEY"', id="key"),
        pytest.param({"AUTH_MODE": "required"}, "-H 'X-API-Key: <key>'", id="keys of a database"),
        pytest.param(
            {"JWT_SECRET": "s" * 32, "JWT_AUDIENCE": "mlrf"},
            "-H 'Authorization: Bearer <token>'",
            id="tokens",
        ),
        pytest.param({"AUTH_MODE": "disabled", "API_KEY": "k" * 32}, "", id="none needed"),
        pytest.param({}, "", id="none configured"),
    ],
)
def test_the_printed_example_requests_have_the_required_credentials(
    run: Run,
    executed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    trained: Store,
    tmp_path: Path,
    variables: dict[str, str],
    header: str,
) -> None:
    own = {"ARTIFACTS_DIR": str(trained.root), "DATABASE_URL": f"sqlite:///{tmp_path}/keys.db"}
    for variable, value in {**own, **variables}.items():
        monkeypatch.setenv(variable, value)
    done = run("serve")
    assert done.status == 0
    calls = [line for line in done.err.splitlines() if line.startswith("  curl ")]
    assert len(calls) == 3
    for call in calls:
        headers = re.findall(r"-H (?:'[^']*'|\"[^\"]*\")", call.replace(_JSON, ""))
        assert headers == ([header] if header else [])
    assert "k" * 32 not in done.err


def test_a_relative_artifacts_folder_is_the_same_for_the_server(
    run: Run,
    executed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    trained: Store,
) -> None:
    """The server's working directory is not that of `mlrf serve`."""
    monkeypatch.chdir(trained.root.parent)
    monkeypatch.setenv("ARTIFACTS_DIR", trained.root.name)
    assert run("serve").status == 0
    assert Path(os.environ["ARTIFACTS_DIR"]) == trained.root.resolve()
    assert len(executed) == 1


# --- ARTIFACTS_DIR ----------------------------------------------------------------------------


@pytest.fixture(params=["root", "snapshots"])
def unwritable(request: pytest.FixtureRequest, own_settings: Store) -> Path:
    """Put a file in the place of the artifacts folder: not even root can write below it."""
    path = own_settings.root if request.param == "root" else own_settings.snapshots
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


@pytest.mark.parametrize("command", ["train", "forecast", "seal"])
def test_an_unwritable_folder_of_artifacts_is_one_line_before_any_work(
    run: Run, unwritable: Path, demo_folder: Path, command: str
) -> None:
    line = run(command, demo_folder).error_line
    assert line.startswith(f"mlrf: ARTIFACTS_DIR: {unwritable}: cannot be written: ")
    assert line.endswith("Let this user write there, or name another folder")
