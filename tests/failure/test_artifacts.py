"""What `CURRENT` names is broken, or the folder goes away, while clients ask."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from artifacts import MANIFEST, Release, Store, seal, staging, verify
from models.bundle import with_metrics
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Load

pytestmark = pytest.mark.e2e

FOLLOWED_SECONDS = 10.0


@pytest.fixture(scope="module")
def store(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("followed") / "artifacts"
    return Store(Path(shutil.copytree(trained.root, folder)))


@pytest.fixture(scope="module")
def target(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with two_workers(tmp_path_factory.mktemp("following"), store) as target:
        yield target


def another_bundle(store: Store, of: Release, note: str) -> Path:
    """The model of a release under another version."""
    return with_metrics(store.bundles / of.bundle, store.bundles, {"note": note}).path


def another_snapshot(store: Store, of: Release, note: str) -> Path:
    """The data of a release under another name."""
    source = verify(store.snapshots / of.snapshot, kind="snapshot")
    with staging(store.snapshots) as copy:
        shutil.copytree(source.path, copy, dirs_exist_ok=True)
        (copy / MANIFEST).unlink()
        return seal(copy, kind="snapshot", label=note, facts=source.facts).path


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def corrupt_bundle(store: Store) -> None:
    """One bit of a model is another."""
    now = store.current()
    bundle = another_bundle(store, now, "corrupt")
    spoil(next(bundle.glob("model*.onnx")))
    store.promote(Release(bundle.name, now.snapshot))


def corrupt_snapshot(store: Store) -> None:
    """One bit of the sales is another."""
    now = store.current()
    snapshot = another_snapshot(store, now, "corrupt")
    spoil(snapshot / "sales.npy")
    store.promote(Release(now.bundle, snapshot.name))


def corrupt_forecasts(store: Store) -> None:
    """Bundle and snapshot are whole, and what is stored of them is not."""
    now = store.current()
    bundle = another_bundle(store, now, "without forecasts")
    stored = next(store.forecasts.glob(f"{now.bundle}.{now.snapshot}-*"))
    renamed = stored.name.replace(now.bundle, bundle.name)
    shutil.copytree(stored, store.forecasts / renamed)
    store.promote(Release(bundle.name, now.snapshot))


def missing_snapshot(store: Store) -> None:
    store.promote(Release(store.current().bundle, "2024-06-30-0123456789abcdef"))


def garbage(store: Store) -> None:
    store.pointer.write_bytes(b"\xff\x00 no names")


def without_pointer(store: Store) -> None:
    store.pointer.unlink()


@pytest.mark.parametrize(
    "offer",
    [
        corrupt_bundle,
        corrupt_snapshot,
        corrupt_forecasts,
        missing_snapshot,
        garbage,
        without_pointer,
    ],
)
def test_a_release_that_cannot_serve_changes_nothing_and_the_next_good_one_does(
    target: Target, store: Store, offer: Callable[[Store], None]
) -> None:
    before = store.current()
    good = Release(another_bundle(store, before, f"after {offer.__name__}").name, before.snapshot)
    with target.load() as load:
        load.more(10)
        offer(store)
        told = load.until(lambda: target.degraded("offered_pair"), FOLLOWED_SECONDS)
        load.more(40)
        assert versions(target) == {before.bundle}
        store.promote(good)
        left = {"version": before.bundle, "snapshot": before.snapshot}
        took = load.until(lambda: not target.metric("mlrf_model_info", **left), FOLLOWED_SECONDS)
        assert versions(target) == {good.bundle}
        load.until(lambda: target.well("offered_pair"))
        load.more(10)
    print(f"told after {told:.1f} s, followed after {took:.1f} s; {load.sends}")
    assert_nothing_failed(load)


@contextmanager
def moved(store: Store) -> Iterator[None]:
    """Root reads what it is not allowed to, so the folder is taken away as a whole."""
    hidden = store.root.with_name("hidden")
    store.root.rename(hidden)
    yield
    hidden.rename(store.root)


@contextmanager
def replaced_by_a_file(store: Store) -> Iterator[None]:
    """Nothing below can be read, and for another reason than that it is missing."""
    with moved(store):
        store.root.write_bytes(b"")
        yield
        store.root.unlink()


@pytest.mark.parametrize("fault", [moved, replaced_by_a_file])
def test_without_its_folder_a_server_goes_on_with_what_it_has(
    target: Target, store: Store, fault: Callable[[Store], AbstractContextManager[None]]
) -> None:
    before = store.current()
    with target.load() as load:
        load.more(10)
        with fault(store):
            load.until(lambda: target.degraded("offered_pair"), FOLLOWED_SECONDS)
            load.more(60)
            assert versions(target) == {before.bundle}
        load.until(lambda: target.well("offered_pair"), FOLLOWED_SECONDS)
    print(load.sends)
    assert_nothing_failed(load)


def versions(target: Target) -> set[str]:
    """Of the models that answer now."""
    asks = [target.draw.newest() for _ in range(8)]
    return {target.post(ask).json()["model_version"] for ask in asks}


def assert_nothing_failed(load: Load) -> None:
    assert len(load.sends.of(200)) == len(load.sends.all), load.sends
