"""Artifacts: named by content, rejected when altered, never half written."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from config.paths import ROOT
from features.data import snapshot_files as snapshots
from models import bundle as bundles
from models.engine import ForecastEngine
from models.serving import forecast_store
from storage.artifacts import (
    MANIFEST,
    Artifact,
    ArtifactError,
    Release,
    Store,
    UnwritableError,
    folders,
    install,
    is_intact,
    seal,
    staging,
    verify,
)

KIND = "sample"
EVERY_KIND = pytest.mark.parametrize("kind", ["bundle", "snapshot", "forecasts"])


def write(
    parent: Path, content: bytes = b"content", *, label: str = "a", **facts: object
) -> Artifact:
    """Write a small artifact with one file at the top and one in a subfolder."""
    with staging(parent) as folder:
        (folder / "below").mkdir()
        (folder / "below" / "deep.bin").write_bytes(b"deep")
        (folder / "file.bin").write_bytes(content)
        return seal(folder, kind=KIND, label=label, facts=facts)


def files_of(folder: Path) -> list[Path]:
    """Return every file of an artifact, the manifest included."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert folder / MANIFEST in files
    assert len(files) > 1
    return files


def list_staging(parent: Path) -> list[str]:
    """Return the entries of a folder of artifacts that are not finished ones."""
    return [path.name for path in parent.iterdir() if path.name.startswith(".staging-")]


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return write(tmp_path / "artifacts")


@pytest.fixture
def folder_of(own_store: Store, release: Release) -> Callable[[str], Path]:
    """Return a function giving the folder of a kind's real artifact, which a test may damage."""
    (stored,) = own_store.forecasts.glob("2*")
    folders = {
        "bundle": own_store.bundles / release.bundle,
        "snapshot": own_store.snapshots / release.snapshot,
        "forecasts": stored,
    }
    return folders.__getitem__


@pytest.fixture
def load(own_store: Store, engine: ForecastEngine) -> Callable[[str, Path], object]:
    """Load a real artifact as the server does."""

    def load(kind: str, folder: Path) -> object:
        if kind == "bundle":
            return bundles.load_bundle(folder)
        if kind == "snapshot":
            return snapshots.load_snapshot(folder)
        return forecast_store.load_or_make(engine, own_store)

    return load


# --- names ------------------------------------------------------------------------------------


def test_equal_content_has_an_equal_name(tmp_path: Path) -> None:
    """Place, time and the order of the facts do not matter."""
    first = write(tmp_path / "here", b"sales", origin="2024-06-30", rows=3)
    second = write(tmp_path / "there", b"sales", rows=3, origin="2024-06-30")
    assert first.name == second.name
    assert first.path != second.path


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"content": b"Content"}, id="a byte"),
        pytest.param({"label": "b"}, id="the label"),
        pytest.param({"rows": 4}, id="a fact"),
    ],
)
def test_other_content_has_another_digest(tmp_path: Path, other: dict[str, object]) -> None:
    original = {"content": b"content", "label": "a", "rows": 3}
    first = write(tmp_path, **original)  # type: ignore[arg-type]
    second = write(tmp_path, **{**original, **other})  # type: ignore[arg-type]
    assert first.manifest.digest != second.manifest.digest
    assert first.name != second.name


def test_the_name_ends_in_the_digest_of_the_manifest(artifact: Artifact) -> None:
    digest = hashlib.sha256((artifact.path / MANIFEST).read_bytes()).hexdigest()
    assert artifact.name == f"a-{digest[:16]}"


def test_existing_content_is_not_written_again(tmp_path: Path) -> None:
    first = write(tmp_path)
    before = {path: path.stat().st_ino for path in first.path.rglob("*")}
    second = write(tmp_path)
    assert second == first
    assert {path: path.stat().st_ino for path in second.path.rglob("*")} == before
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_a_damaged_artifact_is_replaced(tmp_path: Path) -> None:
    """Training again repairs it; no folder has to be deleted by hand."""
    first = write(tmp_path)
    damaged = next(path for path in files_of(first.path) if path.name != MANIFEST)
    damaged.write_bytes(damaged.read_bytes() + b"!")
    again = write(tmp_path)
    assert again.path == first.path
    assert verify(again.path, kind=again.manifest.kind).name == first.name


def test_a_folder_that_was_made_elsewhere_is_moved_into_place(tmp_path: Path) -> None:
    made = write(tmp_path / "scratch")
    moved = install(made.path, tmp_path / "artifacts", kind=KIND)
    assert moved.path == tmp_path / "artifacts" / made.name
    assert is_intact(moved.path, KIND)
    assert not made.path.exists()


def test_a_folder_that_was_damaged_elsewhere_is_not_moved(tmp_path: Path) -> None:
    made = write(tmp_path / "scratch")
    (made.path / "file.bin").write_bytes(b"altered")
    with pytest.raises(ArtifactError, match="SHA-256"):
        install(made.path, tmp_path / "artifacts", kind=KIND)
    assert not (tmp_path / "artifacts").exists()


def test_a_folder_that_is_moved_replaces_a_damaged_one_and_no_intact_one(tmp_path: Path) -> None:
    there = write(tmp_path / "artifacts").path
    inode = there.stat().st_ino
    install(write(tmp_path / "scratch").path, there.parent, kind=KIND)
    assert there.stat().st_ino == inode
    (there / "file.bin").unlink()
    install(write(tmp_path / "scratch").path, there.parent, kind=KIND)
    assert is_intact(there, KIND)


def test_of_two_concurrent_equal_writes_one_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one sees the taken name only when it renames."""
    other = write(tmp_path / "other")
    destination = tmp_path / "artifacts" / other.name

    def lose(path: Path) -> None:
        if not destination.exists():
            shutil.copytree(other.path, destination)

    monkeypatch.setattr(folders, "_sync_path", lose)
    assert write(tmp_path / "artifacts").path == destination
    assert verify(destination, kind=KIND).manifest == other.manifest
    assert list_staging(destination.parent) == []


def test_another_user_can_read_a_sealed_folder(artifact: Artifact) -> None:
    assert artifact.path.stat().st_mode & 0o055 == 0o055


# --- refusal ----------------------------------------------------------------------------------


def test_an_unaltered_artifact_is_read_with_its_facts(tmp_path: Path) -> None:
    written = write(tmp_path, origin="2024-06-30")
    assert verify(written.path, kind=KIND) == written
    assert written.facts == {"origin": "2024-06-30"}


@EVERY_KIND
def test_a_real_artifact_loads(
    kind: str, folder_of: Callable[[str], Path], load: Callable[[str, Path], object]
) -> None:
    assert load(kind, folder_of(kind)) is not None


@EVERY_KIND
def test_a_flipped_bit_in_any_file_is_refused(
    kind: str, folder_of: Callable[[str], Path], load: Callable[[str, Path], object]
) -> None:
    """Flipped are the first, a middle and the last byte; the manifest is one of the files."""
    for path in files_of(folder_of(kind)):
        original = path.read_bytes()
        for position in (0, len(original) // 2, len(original) - 1):
            damaged = bytearray(original)
            damaged[position] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(ArtifactError) as refusal:
                load(kind, folder_of(kind))
            assert refusal.value.path == path
        path.write_bytes(original)


@EVERY_KIND
def test_a_missing_file_is_refused(
    kind: str, folder_of: Callable[[str], Path], load: Callable[[str, Path], object]
) -> None:
    for path in files_of(folder_of(kind)):
        original = path.read_bytes()
        path.unlink()
        with pytest.raises(ArtifactError, match="is missing") as refusal:
            load(kind, folder_of(kind))
        assert refusal.value.path == path
        path.write_bytes(original)


def test_no_byte_of_a_manifest_can_change(artifact: Artifact) -> None:
    path = artifact.path / MANIFEST
    original = path.read_bytes()
    for position, byte in enumerate(original):
        other = b"\t" if chr(byte).isspace() else bytes([byte ^ 1])
        path.write_bytes(original[:position] + other + original[position + 1 :])
        with pytest.raises(ArtifactError):
            verify(artifact.path, kind=KIND)


@pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda text: text + b"\n", id="a line at the end"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="other line ends"),
        pytest.param(lambda text: text.replace(b'"a"', rb'"\u0061"'), id="another escape"),
        pytest.param(lambda text: text.replace(b"{", b'{"label": "b",', 1), id="a repeated key"),
    ],
)
def test_an_equivalent_but_not_identical_manifest_is_refused(
    artifact: Artifact, rewrite: Callable[[bytes], bytes]
) -> None:
    path = artifact.path / MANIFEST
    path.write_bytes(rewrite(path.read_bytes()))
    with pytest.raises(ArtifactError) as refusal:
        verify(artifact.path, kind=KIND)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "name",
    ["extra.bin", "below/extra.bin", f"below/{MANIFEST}", ".hidden"],
)
def test_an_added_file_is_refused(artifact: Artifact, name: str) -> None:
    (artifact.path / name).write_bytes(b"")
    with pytest.raises(ArtifactError, match="not listed") as refusal:
        verify(artifact.path, kind=KIND)
    assert refusal.value.path == artifact.path / name


def test_a_file_of_another_size_is_refused_with_both_sizes(artifact: Artifact) -> None:
    (artifact.path / "file.bin").write_bytes(b"content and more")
    with pytest.raises(ArtifactError, match="16 bytes instead of 7"):
        verify(artifact.path, kind=KIND)


def test_a_renamed_folder_is_refused(artifact: Artifact) -> None:
    renamed = artifact.path.rename(artifact.path.with_name("a-0123456789abcdef"))
    with pytest.raises(ArtifactError, match=artifact.name):
        verify(renamed, kind=KIND)


def test_another_kind_is_refused(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="is a sample, not a bundle"):
        verify(artifact.path, kind="bundle")


def test_another_schema_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older or newer release wrote it, with a manifest that is right in itself."""
    monkeypatch.setattr(folders, "SCHEMA_VERSION", 2)
    newer = write(tmp_path)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="schema version 2; this release reads 1"):
        verify(newer.path, kind=KIND)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_truncated_manifest_is_refused(artifact: Artifact, fraction: float) -> None:
    path = artifact.path / MANIFEST
    text = path.read_bytes()
    path.write_bytes(text[: int(len(text) * fraction)])
    with pytest.raises(ArtifactError, match="is not a manifest") as refusal:
        verify(artifact.path, kind=KIND)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no fields"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
    ],
)
def test_content_that_is_no_manifest_is_refused(artifact: Artifact, text: bytes) -> None:
    (artifact.path / MANIFEST).write_bytes(text)
    with pytest.raises(ArtifactError, match="is not a manifest"):
        verify(artifact.path, kind=KIND)


@pytest.mark.parametrize("name", ["../file.bin", "/tmp/file.bin", "below/../../x", "./x", MANIFEST])
def test_a_manifest_that_names_a_file_outside_of_its_folder_is_refused(
    artifact: Artifact, name: str
) -> None:
    manifest = artifact.path / MANIFEST
    manifest.write_text(manifest.read_text().replace('"file.bin"', f'"{name}"'))
    with pytest.raises(ArtifactError, match="is not a manifest: its files"):
        verify(artifact.path, kind=KIND)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist") as refusal:
        verify(tmp_path / "nothing", kind=KIND)
    assert refusal.value.path == tmp_path / "nothing"


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactError, match="does not exist"):
        verify(tmp_path / "file", kind=KIND)


def test_a_manifest_that_cannot_be_read_is_refused(artifact: Artifact) -> None:
    (artifact.path / MANIFEST).unlink()
    (artifact.path / MANIFEST).mkdir()
    with pytest.raises(ArtifactError, match="cannot be read"):
        verify(artifact.path, kind=KIND)


def test_forecasts_of_another_shape_are_refused(own_store: Store, engine: ForecastEngine) -> None:
    """They verify, but do not match the release."""
    (stored,) = own_store.forecasts.glob("2*")
    label = stored.name.rpartition("-")[0]
    for path in stored.iterdir():
        path.unlink()
    stored.rmdir()
    with staging(own_store.forecasts) as folder:
        np.save(folder / forecast_store.MEAN_FILE, np.zeros((2, 90)))
        seal(folder, kind=forecast_store.KIND, label=label, facts={"clipped": 0})
    with pytest.raises(ArtifactError, match=r"has shape \(2, 90\) instead of"):
        forecast_store.load_or_make(engine, own_store)


@pytest.mark.parametrize("kind", ["bundle", "snapshot"])
def test_a_reason_contains_no_path(
    kind: str, folder_of: Callable[[str], Path], load: Callable[[str, Path], object]
) -> None:
    """The reason reaches callers in a 503; the path is only logged.

    Here a file holds something else than it should, and the manifest agrees with that.
    """
    original = verify(folder_of(kind), kind=kind)
    for name in original.manifest.files:
        if name.startswith(("booster", "drift")):
            continue  # not read by serving
        with staging(original.path.parent) as folder:
            shutil.copytree(original.path, folder, dirs_exist_ok=True)
            (folder / MANIFEST).unlink()
            (folder / name).write_bytes(b"\x00garbage")
            sealed = seal(folder, kind=kind, label="2024-06-30", facts=original.facts)
        with pytest.raises(ArtifactError) as refusal:
            load(kind, sealed.path)
        assert str(sealed.path.parent) not in refusal.value.reason


# --- interrupted writes -----------------------------------------------------------------------


def test_an_exception_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with staging(tmp_path) as folder:
            (folder / "file.bin").write_bytes(b"half")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_exception_while_sealing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(folders, "_sync_path", fail)
    with pytest.raises(UnwritableError, match="the disk is full"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


WRITING = """
with staging(store.bundles) as folder:
    with (folder / "file.bin").open("wb") as file:
        file.write(b"half of it")
        file.flush()
        here()
"""
SEALING = """
folders._sync_path = lambda path: here()
with staging(store.bundles) as folder:
    (folder / "file.bin").write_bytes(b"content")
    seal(folder, kind="sample", label="a", facts={})
"""
PROMOTING = """
os.replace = lambda *names: here()
store.promote(Release("new", "new"))
"""


@contextmanager
def stopped_at(step: str, store: Store) -> Iterator[subprocess.Popen[str]]:
    """Start a process that stops in the middle of a step; kill it at the end."""
    script = f"""
import os, sys
from pathlib import Path
from storage.artifacts import Release, Store, folders, seal, staging

def here():
    print("here", flush=True)
    sys.stdin.read()

store = Store(Path({str(store.root)!r}))
{step}
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    "step", [pytest.param(WRITING, id="writing"), pytest.param(SEALING, id="sealing")]
)
def test_a_killed_writer_leaves_nothing_that_loads(tmp_path: Path, step: str) -> None:
    store = Store(tmp_path).promote(Release("old", "old"))
    with stopped_at(step, store) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    (remaining,) = store.bundles.iterdir()
    assert list_staging(store.bundles) == [remaining.name]
    with pytest.raises(ArtifactError):
        verify(remaining, kind=KIND)
    assert store.current() == Release("old", "old")
    assert verify(write(store.bundles).path, kind=KIND), "the next writer is not in the way"


def test_a_killed_promotion_leaves_the_previous_release(tmp_path: Path) -> None:
    store = Store(tmp_path).promote(Release("old", "old"))
    with stopped_at(PROMOTING, store) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert store.current() == Release("old", "old")
    assert store.promote(Release("new", "new")).current() == Release("new", "new")


def test_old_staging_folders_are_removed_and_young_ones_stay(tmp_path: Path) -> None:
    """An old one was left by a killed process; a young one may be in use."""
    for name, hours in (("old", 25), ("young", 23)):
        folder = tmp_path / f".staging-{name}"
        folder.mkdir()
        (folder / "file.bin").write_bytes(b"half")
        moment = time.time() - hours * 3600
        os.utime(folder, (moment, moment))
    finished = write(tmp_path)
    assert list_staging(tmp_path) == [".staging-young"]
    assert verify(finished.path, kind=KIND)


def test_a_staging_folder_that_vanishes_is_ignored(tmp_path: Path) -> None:
    """Another process finishes its folder while this one looks for old ones."""
    (tmp_path / ".staging-gone").symlink_to(tmp_path / "nowhere")
    assert verify(write(tmp_path).path, kind=KIND)


# --- CURRENT ----------------------------------------------------------------------------------


def test_the_promoted_release_is_the_current_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    release = Release(bundle="2024-06-30-0123", snapshot="2024-06-30-4567")
    assert store.promote(release).current() == release
    assert [path.name for path in store.root.iterdir()] == ["CURRENT"]


def test_a_current_release_may_have_an_adaptation(tmp_path: Path) -> None:
    store = Store(tmp_path)
    release = Release("2024-06-30-0123", "2024-07-01-4567", "2024-06-30-0123.2024-07-01-89ab")
    assert store.promote(release).current() == release
    assert store.pointer.read_text().splitlines()[2] == f"adaptation={release.adaptation}"
    newer = Release(release.bundle, "2024-07-02-4567")
    assert store.adapted(newer).adaptation == release.adaptation
    other = Release("2024-06-30-cdef", newer.snapshot)
    assert store.adapted(other) == other, "of another bundle"


def test_a_current_without_an_adaptation_is_as_it_was_before_there_were_any(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path).promote(Release("a", "b"))
    assert store.pointer.read_bytes() == b"bundle=a\nsnapshot=b\n"


def test_without_a_current_release_the_error_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="train a model first") as refusal:
        Store(tmp_path).current()
    assert refusal.value.path == tmp_path / "CURRENT"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(b"", "names no bundle", id="empty"),
        pytest.param(b"bundle=a\n", "names no snapshot", id="half"),
        pytest.param(b"a, b\n", "names no bundle", id="other words"),
        pytest.param(b"bundle=a\nsnapshot=b", None, id="no last line break"),
        pytest.param(b" bundle=a \r\nsnapshot=b\r\n", None, id="other line breaks"),
        pytest.param(b"bundle=../../x\nsnapshot=b\n", "'../../x' is not a name", id="upwards"),
        pytest.param(b"bundle=a\nsnapshot=..\n", "'..' is not a name", id="parent"),
        pytest.param(b"bundle=/etc\nsnapshot=b\n", "'/etc' is not a name", id="absolute"),
        pytest.param(b"bundle=a/b\nsnapshot=b\n", "'a/b' is not a name", id="below"),
        pytest.param(b"bundle=\nsnapshot=b\n", "'' is not a name", id="no name"),
        pytest.param(b"bundle=a\x00\nsnapshot=b\n", "is not a name", id="NUL"),
        pytest.param(b"bundle=a\nsnapshot=b\nadaptation=../c\n", "not a name", id="adaptation"),
        pytest.param(b"bundle=a\nsnapshot=b\n" * 999, "cannot be read", id="large"),
        pytest.param(b"\xff\xfe\x00", "is not text", id="no text"),
    ],
)
def test_a_current_that_names_no_release_of_this_store_is_refused(
    tmp_path: Path, text: bytes, reason: str | None
) -> None:
    store = Store(tmp_path)
    store.pointer.write_bytes(text)
    if reason is None:
        assert store.current() == Release("a", "b")
        return
    with pytest.raises(ArtifactError, match=reason) as refusal:
        store.current()
    assert refusal.value.path == store.pointer


def test_a_rejected_current_shows_the_expected_form(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.pointer.write_text("2024-06-30-0123\n2024-06-30-4567\n")
    with pytest.raises(ArtifactError, match="bundle=<name> and snapshot=<name>"):
        store.current()


@pytest.mark.parametrize("kind", ["bundles", "snapshots"])
def test_a_name_that_is_a_link_out_of_the_store_is_refused(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path / "store")
    (store.root / kind).mkdir(parents=True)
    (store.root / kind / "away").symlink_to(tmp_path)
    (store.root / kind / "here").symlink_to(store.root / kind)
    for name, allowed in (("away", False), ("here", True)):
        release = Release(name, "b") if kind == "bundles" else Release("a", name)
        store.promote(release)
        if allowed:
            assert store.current() == release
        else:
            with pytest.raises(ArtifactError, match="away is a link that leads out"):
                store.current()


@pytest.mark.parametrize("writer", [False, True], ids=["nobody writes", "somebody writes"])
def test_a_pipe_in_place_of_current_or_a_manifest_does_not_block(
    tmp_path: Path, writer: bool
) -> None:
    store = Store(tmp_path)
    folder = write(tmp_path).path
    (folder / "manifest.json").unlink()
    for path in (store.pointer, folder / "manifest.json"):
        os.mkfifo(path)
        end = os.open(path, os.O_RDWR) if writer else None
        with pytest.raises(ArtifactError, match="cannot be read"):
            store.current() if path == store.pointer else verify(folder, kind=KIND)
        if end is not None:
            os.close(end)


def test_a_current_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.pointer.mkdir()
    with pytest.raises(ArtifactError, match="cannot be read"):
        store.current()


def test_a_reader_sees_one_release_or_the_other_during_promotions(tmp_path: Path) -> None:
    """A reader never sees a partial or missing file."""
    releases = [Release("one" * 50, "one"), Release("two", "two" * 50)]
    store = Store(tmp_path).promote(releases[0])
    done = threading.Event()
    wrong: list[object] = []
    reads = 0

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            try:
                current: object = store.current()
            except Exception as error:
                current = error
            if current not in releases:
                wrong.append(current)
            reads += 1

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(150):
        store.promote(releases[number % 2])
    done.set()
    reader.join()
    assert wrong == []
    assert reads > 0


# --- unwritable folders -----------------------------------------------------------------------


def test_a_volume_failure_during_a_write_is_one_line(tmp_path: Path) -> None:
    reason = os.strerror(errno.ENOSPC)
    with pytest.raises(UnwritableError) as refusal, staging(tmp_path):
        raise OSError(errno.ENOSPC, reason)
    assert str(refusal.value) == f"{tmp_path}: cannot be written: {reason}"


@pytest.mark.parametrize("folder", ["snapshots", "bundles", "forecasts", "builds", ""])
def test_every_folder_that_is_written_to_is_checked(tmp_path: Path, folder: str) -> None:
    store = Store(tmp_path / "artifacts")
    store.check_writable()
    path = store.root / folder
    shutil.rmtree(path)
    path.write_text("")
    with pytest.raises(UnwritableError) as refusal:
        store.check_writable()
    assert refusal.value.path == path


def test_a_release_cannot_be_promoted_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("")
    with pytest.raises(UnwritableError):
        Store(tmp_path / "artifacts").promote(Release(bundle="b", snapshot="s"))
