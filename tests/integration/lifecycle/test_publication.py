"""Releases that one store publishes at a URL, and another fetches from there."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import orjson
import pytest

from config.paths import ROOT
from lifecycle.publication import fetch_if_changed, fetch_release, publish_release
from models.bundle import GOLDEN_OUTPUTS_FILE, KIND, Bundle
from models.serving.forecast_store import find_forecasts
from models.serving.release import load_release
from storage.artifacts import (
    MANIFEST,
    ArtifactError,
    Release,
    Store,
    UnwritableError,
    describe,
    is_intact,
    seal,
    staging,
)
from storage.remote import RemoteError
from tests.support.releases import add_other_bundle
from tests.support.remote import S3, Web, running_web


@dataclass(frozen=True)
class Place:
    """A place to publish at: its URL for writers, and for readers."""

    written: str
    read: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is a place to publish at."""
    return tmp_path / "remote"


@pytest.fixture
def web(folder: Path) -> Iterator[Web]:
    """A web server of that folder."""
    folder.mkdir(exist_ok=True)
    with running_web(folder) as server:
        yield server


@pytest.fixture(params=["file", "s3", "http"])
def place(request: pytest.FixtureRequest, folder: Path) -> Place:
    if request.param == "s3":
        url = request.getfixturevalue("bucket")
        return Place(url, url)
    written = f"file://{folder}"
    if request.param == "file":
        return Place(written, written)
    return Place(written, request.getfixturevalue("web").url)


@pytest.fixture
def there(folder: Path, trained: Store) -> str:
    """The URL of a folder with the release of the tests."""
    publish_release(trained, trained.current(), f"file://{folder}")
    return f"file://{folder}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The empty store of a server."""
    return Store(tmp_path / "server")


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_empty(store: Store) -> None:
    """Check that nothing is served, and that no artifact has its name."""
    assert not store.pointer.exists()
    for parent in (store.bundles, store.snapshots):
        assert not list(parent.glob("[!.]*"))


# --- publishing and fetching ------------------------------------------------------------------


def test_a_published_release_is_fetched_and_can_be_served(
    place: Place, trained: Store, store: Store
) -> None:
    release = trained.current()
    publish_release(trained, release, place.written)
    assert fetch_release(place.read, store) == store.current() == release
    assert load_release(store, release).engine.bundle.name == release.bundle
    assert names(store.forecasts) - {".lock"} == names(trained.forecasts) - {".lock"}
    assert not list(store.root.glob(".staging*"))


def test_what_is_published_already_is_not_written_again(place: Place, own_store: Store) -> None:
    release = own_store.current()
    assert publish_release(own_store, release, place.written) > 10
    assert publish_release(own_store, release, place.written) == 0
    other = Release(add_other_bundle(own_store), release.snapshot)
    again = publish_release(own_store, other, place.written)
    forecasts = find_forecasts(own_store, other)
    assert forecasts is not None
    assert again == len(names(own_store.bundles / other.bundle)) + len(names(forecasts))


def test_what_is_here_already_is_not_fetched_again(
    there: str, web: Web, own_store: Store, store: Store
) -> None:
    fetch_release(web.url, store)
    web.paths.clear()
    fetch_release(web.url, store)
    assert web.paths == ["CURRENT"]
    other = Release(add_other_bundle(own_store), own_store.current().snapshot)
    publish_release(own_store, other, there)
    web.paths.clear()
    fetch_release(web.url, store)
    assert store.current() == other
    assert not [path for path in web.paths if path.startswith("snapshots/")]


def test_a_server_that_follows_fetches_only_another_release(
    there: str, own_store: Store, store: Store
) -> None:
    release = own_store.current()
    assert fetch_if_changed(there, store) == release
    written = store.pointer.stat().st_mtime_ns
    assert fetch_if_changed(there, store) is None
    assert store.pointer.stat().st_mtime_ns == written
    other = Release(add_other_bundle(own_store), release.snapshot)
    publish_release(own_store, other, there)
    assert fetch_if_changed(there, store) == store.current() == other


def test_a_plain_copy_of_a_store_is_fetched_without_its_forecasts(
    trained: Store, store: Store
) -> None:
    """Its CURRENT names no forecasts: they are made here."""
    assert fetch_release(f"file://{trained.root}", store) == trained.current()
    assert names(store.forecasts) - {".lock"} == names(trained.forecasts) - {".lock"}


def test_a_damaged_artifact_here_is_replaced(there: str, store: Store) -> None:
    release = fetch_release(there, store)
    (store.bundles / release.bundle / "contract.json").write_bytes(b"{}")
    fetch_release(there, store)
    assert is_intact(store.bundles / release.bundle, KIND)


def test_reading_objects_is_the_only_right_that_a_server_needs(
    s3: S3, bucket: str, trained: Store, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(trained, trained.current(), bucket)
    for name, value in s3.keys_that_may("s3:GetObject").items():
        monkeypatch.setenv(name, value)
    with s3.enforcing():
        assert fetch_release(bucket, store) == trained.current()


# --- interruptions ----------------------------------------------------------------------------


def test_a_fetch_that_was_killed_goes_on_where_it_ended(
    there: str, folder: Path, web: Web, trained: Store, store: Store
) -> None:
    bundle = trained.current().bundle
    blocked = f"bundles/{bundle}/model-90.onnx"
    release = threading.Event()
    web.blocked = {blocked: release}
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "models", "fetch", web.url],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ARTIFACTS_DIR": str(store.root)},
        stderr=subprocess.PIPE,
    )
    assert web.reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    release.set()
    assert_empty(store)
    before = {path for path in web.paths if path not in (blocked, "CURRENT")}
    assert f"bundles/{bundle}/contract.json" in before
    web.paths.clear()
    assert fetch_release(web.url, store) == trained.current()
    assert before & {*web.paths} == {f"bundles/{bundle}/{MANIFEST}"}


def test_a_connection_that_breaks_off_is_reported_and_repeated_for_that_file_alone(
    there: str, web: Web, trained: Store, store: Store
) -> None:
    file = f"snapshots/{trained.current().snapshot}/sales.npy"
    web.cut[file] = 1000
    with pytest.raises(RemoteError, match=re.escape(f"{web.url}/{file}")):
        fetch_release(web.url, store)
    assert not store.pointer.exists()
    web.cut.clear()
    web.paths.clear()
    assert fetch_release(web.url, store) == trained.current()
    assert not [path for path in web.paths if path.startswith("bundles/")]


# --- what is refused --------------------------------------------------------------------------


def _alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("file", "damage", "reason"),
    [
        ("model-16.onnx", _alter, "does not have the size and SHA-256"),
        ("contract.json", _shorten, "does not have the size and SHA-256"),
        ("golden_rows.npy", Path.unlink, "does not exist"),
        (MANIFEST, _alter, "manifest.json"),
        (MANIFEST, Path.unlink, "names a bundle that is not there"),
    ],
    ids=["altered", "shortened", "missing", "manifest altered", "manifest missing"],
)
def test_damage_is_refused_and_what_serves_stays(
    there: str, folder: Path, own_store: Store, file: str, damage: object, reason: str
) -> None:
    before = own_store.current()
    other = add_other_bundle(own_store)
    publish_release(own_store, Release(other, before.snapshot), there)
    shutil.rmtree(own_store.bundles / other)
    assert callable(damage)
    damage(folder / "bundles" / other / file)
    with pytest.raises(RemoteError, match=reason) as error:
        fetch_release(there, own_store)
    assert f"{there}/bundles/{other}" in str(error.value)
    assert own_store.current() == before
    assert not (own_store.bundles / other).exists()


@pytest.mark.parametrize("name", ["../../escape", "/tmp/escape", "a/../../escape", MANIFEST])
def test_a_manifest_that_names_a_file_elsewhere_is_refused(
    there: str, folder: Path, trained: Store, store: Store, name: str
) -> None:
    """Its digest is right: whoever made it meant it."""
    bundle = folder / "bundles" / trained.current().bundle
    manifest = orjson.loads((bundle / MANIFEST).read_bytes())
    manifest["files"] = {name: manifest["files"]["contract.json"]}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    content = orjson.dumps(manifest, option=options)
    altered = bundle.rename(bundle.with_name(f"2024-06-30-{sha256(content).hexdigest()[:16]}"))
    (altered / MANIFEST).write_bytes(content)
    (folder / "CURRENT").write_text(
        f"bundle={altered.name}\nsnapshot={trained.current().snapshot}\n"
    )
    with pytest.raises(RemoteError, match="is not a manifest"):
        fetch_release(there, store)
    assert_empty(store)
    assert not [path for path in store.root.rglob("*") if "escape" in path.name]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"bundle=../elsewhere\nsnapshot=s\n", "is not a name"),
        (b"bundle=b\nsnapshot=s\nforecasts=../f\n", "is not a name"),
        (b"bundle=b\n", "names no snapshot"),
        (b"\xff\xfe", "is not text"),
        (b"bundle=b\nsnapshot=s\n", "names a bundle that is not there"),
    ],
    ids=["path", "path of forecasts", "half", "bytes", "missing bundle"],
)
def test_a_pointer_that_names_no_release_is_refused(
    there: str, folder: Path, own_store: Store, content: bytes, reason: str
) -> None:
    before = own_store.current()
    (folder / "CURRENT").write_bytes(content)
    with pytest.raises(RemoteError, match=reason):
        fetch_release(there, own_store)
    assert own_store.current() == before


def test_a_release_that_this_version_cannot_serve_does_not_take_the_place_of_another(
    folder: Path, own_store: Store, bundle: Bundle, tmp_path: Path
) -> None:
    """Every digest is right, but the model does not reproduce its golden rows."""
    before = own_store.current()
    other = Store(Path(shutil.copytree(own_store.root, folder)))
    with staging(other.bundles) as scratch:
        source = describe(other.bundles / bundle.name, kind=KIND)
        for name in source.manifest.files:
            shutil.copyfile(source.path / name, scratch / name)
        outputs = np.load(scratch / GOLDEN_OUTPUTS_FILE)
        np.save(scratch / GOLDEN_OUTPUTS_FILE, outputs + 1)
        wrong = seal(scratch, kind=KIND, label=source.manifest.label, facts=source.facts)
    other.promote(Release(wrong.name, before.snapshot))
    with pytest.raises(ArtifactError, match="golden rows"):
        fetch_release(f"file://{folder}", own_store)
    assert own_store.current() == before


def test_a_release_that_cannot_be_served_is_not_published(
    folder: Path, own_store: Store, there: str
) -> None:
    before = (folder / "CURRENT").read_bytes()
    release = own_store.current()
    _alter(own_store.bundles / release.bundle / "model-16.onnx")
    with pytest.raises(ArtifactError, match="SHA-256"):
        publish_release(own_store, release, there)
    assert (folder / "CURRENT").read_bytes() == before


def test_a_store_that_cannot_be_written_is_named(there: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot be written"):
        fetch_release(there, Store(tmp_path / "file"))
