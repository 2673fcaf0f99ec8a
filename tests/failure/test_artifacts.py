"""The release that `CURRENT` names is invalid, or the folder disappears, under load."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from models.bundle import with_metrics
from storage.artifacts import MANIFEST, Release, Store, seal, staging, verify
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Load

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def store(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("followed") / "artifacts"
    return Store(Path(shutil.copytree(trained.root, folder)))


@pytest.fixture(scope="module")
def target(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with two_workers(tmp_path_factory.mktemp("following"), store) as target:
        yield target


def copy_bundle(store: Store, of: Release, note: str) -> Path:
    """Copy the bundle of a release under another version."""
    return with_metrics(store.bundles / of.bundle, store.bundles, {"note": note}).path


def copy_snapshot(store: Store, of: Release, note: str) -> Path:
    """Copy the snapshot of a release under another name."""
    source = verify(store.snapshots / of.snapshot, kind="snapshot")
    with staging(store.snapshots) as copy:
        shutil.copytree(source.path, copy, dirs_exist_ok=True)
        (copy / MANIFEST).unlink()
        return seal(copy, kind="snapshot", label=note, facts=source.facts).path


def flip_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def corrupt_bundle(store: Store) -> None:
    """Promote a bundle that has one wrong bit in a model."""
    now = store.current()
    bundle = copy_bundle(store, now, "corrupt")
    flip_bit(next(bundle.glob("model*.onnx")))
    store.promote(Release(bundle.name, now.snapshot))


def corrupt_snapshot(store: Store) -> None:
    """Promote a snapshot that has one wrong bit in the sales."""
    now = store.current()
    snapshot = copy_snapshot(store, now, "corrupt")
    flip_bit(snapshot / "sales.npy")
    store.promote(Release(now.bundle, snapshot.name))


def corrupt_forecasts(store: Store) -> None:
    """Promote a valid bundle and snapshot with invalid stored forecasts."""
    now = store.current()
    bundle = copy_bundle(store, now, "without forecasts")
    stored = next(store.forecasts.glob(f"{now.bundle}.{now.snapshot}-*"))
    renamed = stored.name.replace(now.bundle, bundle.name)
    shutil.copytree(stored, store.forecasts / renamed)
    store.promote(Release(bundle.name, now.snapshot))


def name_missing_snapshot(store: Store) -> None:
    store.promote(Release(store.current().bundle, "2024-06-30-0123456789abcdef"))


def corrupt_pointer(store: Store) -> None:
    store.pointer.write_bytes(b"\xff\x00 no names")


def remove_pointer(store: Store) -> None:
    store.pointer.unlink()


@pytest.mark.parametrize(
    "offer",
    [
        corrupt_bundle,
        corrupt_snapshot,
        corrupt_forecasts,
        name_missing_snapshot,
        corrupt_pointer,
        remove_pointer,
    ],
)
def test_an_invalid_release_changes_nothing_and_the_next_valid_one_is_served(
    target: Target, store: Store, offer: Callable[[Store], None]
) -> None:
    before = store.current()
    good = Release(copy_bundle(store, before, f"after {offer.__name__}").name, before.snapshot)
    with target.load() as load:
        load.more(10)
        offer(store)
        noticed = load.until(lambda: target.is_degraded("offered_pair"))
        load.more(40)
        assert model_versions(target) == {before.bundle}
        store.promote(good)
        old_labels = {"version": before.bundle, "snapshot": before.snapshot}
        took = load.until(lambda: not target.metric("mlrf_model_info", **old_labels))
        assert model_versions(target) == {good.bundle}
        load.until(lambda: target.is_healthy("offered_pair"))
        load.more(10)
    print(f"noticed after {noticed:.1f} s, followed after {took:.1f} s; {load.sends}")
    assert_nothing_failed(load)


@contextmanager
def without_folder(store: Store) -> Iterator[None]:
    """Rename the folder within the block; permissions would not stop a server that runs as root."""
    hidden = store.root.with_name("hidden")
    store.root.rename(hidden)
    yield
    hidden.rename(store.root)


@contextmanager
def with_file_as_folder(store: Store) -> Iterator[None]:
    """Put a file in the place of the folder, so that reading fails with another error."""
    with without_folder(store):
        store.root.write_bytes(b"")
        yield
        store.root.unlink()


@pytest.mark.parametrize("fault", [without_folder, with_file_as_folder])
def test_without_the_artifact_folder_a_server_continues_with_its_release(
    target: Target, store: Store, fault: Callable[[Store], AbstractContextManager[None]]
) -> None:
    before = store.current()
    with target.load() as load:
        load.more(10)
        with fault(store):
            load.until(lambda: target.is_degraded("offered_pair"))
            load.more(60)
            assert model_versions(target) == {before.bundle}
        load.until(lambda: target.is_healthy("offered_pair"))
    print(load.sends)
    assert_nothing_failed(load)


def model_versions(target: Target) -> set[str]:
    """Return the versions of the models that answer now."""
    requests = [target.draw.newest() for _ in range(8)]
    return {target.post(request).json()["model_version"] for request in requests}


def assert_nothing_failed(load: Load) -> None:
    assert len(load.sends.of(200)) == len(load.sends.all), load.sends
