"""Tables checked and built on a Dask cluster: the bits of one machine, whatever is lost."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client

from errors import InputError
from features.data.build import build_snapshot
from features.data.parts.memory import Memory
from features.data.parts.runner import PartRunner
from features.data.screening.treatment import Screening
from features.data.tables import read_tables
from lifecycle.parts import reading
from lifecycle.parts.dask_cluster import connect_dask
from lifecycle.parts.reading import DaskRunner
from storage.artifacts import ArtifactError, Store
from tests.support.dask import running_cluster
from tests.unit.features.data.parts.test_equality import SHOPS, outcome, shops

pytestmark = pytest.mark.slow

MEMORY = Memory(2**40)
Progress = Callable[[int, int], None]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect_dask(None, workers=2, allowed_failures=3) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "artifacts")


def left_in(store: Store) -> list[str]:
    """Return the names of what is beside the snapshots."""
    return [path.name for path in store.snapshots.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("changes", SHOPS.values(), ids=SHOPS)
def test_workers_give_the_report_and_the_snapshot_of_one_process(
    client: Client, store: Store, tmp_path: Path, changes: list[Callable[[Path], object]]
) -> None:
    folder = shops(tmp_path / "tables", *changes)
    here = outcome(folder, None, tmp_path / "here", Screening())
    assert here[1] is not None
    runner = DaskRunner(client, store.snapshots)
    assert outcome(folder, MEMORY, store.snapshots, Screening(), runner) == here
    assert not left_in(store), "the files of the parts are removed"


def test_tables_that_fit_into_memory_are_cut_for_the_workers(
    client: Client, store: Store, demo_folder: Path
) -> None:
    tables = read_tables(demo_folder, memory=MEMORY, runner=DaskRunner(client, store.snapshots))
    assert tables.stored is not None
    assert len(tables.stored.parted.parts) > 1


def build(folder: Path, store: Store, runner: PartRunner, check: Progress, write: Progress) -> str:
    tables = read_tables(folder, memory=MEMORY, runner=runner, progress=check)
    return build_snapshot(tables, store.snapshots, progress=write).name


def ignore(done: int, total: int) -> None:
    """Do nothing when a part is done."""


@pytest.mark.parametrize("phase", ["checking", "building"])
def test_a_killed_worker_loses_only_its_parts(store: Store, tmp_path: Path, phase: str) -> None:
    folder = shops(tmp_path / "tables")
    here = outcome(folder, None, tmp_path / "here", None)[1]
    killed: list[int] = []
    with connect_dask(None, workers=2, allowed_failures=3) as client:

        def kill(done: int, total: int) -> None:
            # of a reading, the first half is the splitting, which the command does
            if not killed and (phase == "building" or 2 * done > total):
                (pid, *_) = client.run(os.getpid).values()
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

        steps = (kill, ignore) if phase == "checking" else (ignore, kill)
        assert build(folder, store, DaskRunner(client, store.snapshots), *steps) == here
    assert killed


@pytest.mark.parametrize("phase", ["checking", "building"])
def test_a_lost_scheduler_ends_the_command_and_leaves_nothing(
    store: Store, tmp_path: Path, phase: str
) -> None:
    folder = shops(tmp_path / "tables")
    with running_cluster(workers=2) as cluster:

        def kill(done: int, total: int) -> None:
            if (phase == "building" or 2 * done > total) and cluster.scheduler.poll() is None:
                cluster.scheduler.kill()
                cluster.scheduler.wait()

        steps = (kill, ignore) if phase == "checking" else (ignore, kill)

        def lose() -> None:
            with connect_dask(cluster.address, workers=2) as client:
                build(folder, store, DaskRunner(client, store.snapshots), *steps)

        with pytest.raises(InputError, match=r"scheduler was lost; run the command again$"):
            lose()
    assert list(store.snapshots.iterdir()) == []


def test_a_file_that_somebody_else_wrote_is_not_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "whole.pickle"
    file.write_bytes(pickle.dumps(print))
    with pytest.raises(ArtifactError, match="not what the command wrote"):
        reading._load_once(reading._Shared(file, "0" * 64))


def test_a_worker_that_does_not_see_the_volume_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="must be on a volume that all share"):
        reading._load_once(reading._Shared(tmp_path / "elsewhere", "0" * 64))
