"""The newest ends of refreshes and trainings, beside the artifacts."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lifecycle.job_ends import NewestEnd, newest_ends, note_end, noting_end
from lifecycle.jobs import JobKind, State, jobs_folder
from storage.artifacts import Store

AT = datetime(2026, 11, 21, 7, 31, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def end_of(outcome: State, **others: object) -> NewestEnd:
    return NewestEnd(
        **{"kind": JobKind.RELOAD, "outcome": outcome, "at": AT, "seconds": 7.0, **others}  # type: ignore[arg-type]
    )


def test_a_store_without_jobs_has_none(store: Store) -> None:
    assert newest_ends(store) == []


def test_an_end_takes_the_place_of_the_one_before_with_its_outcome(store: Store) -> None:
    note_end(store, end_of(State.FAILED))
    note_end(store, end_of(State.SUCCEEDED))
    newer = end_of(State.FAILED, at=AT.replace(hour=9))
    note_end(store, newer)
    assert newest_ends(store) == [newer, end_of(State.SUCCEEDED)]


def test_servers_of_another_user_may_read_an_end(store: Store) -> None:
    note_end(store, end_of(State.SUCCEEDED))
    (file,) = (jobs_folder(store) / ".ends").iterdir()
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(None, State.SUCCEEDED, id="success"),
        pytest.param(ValueError("row 3"), State.FAILED, id="failure"),
        pytest.param(SystemExit(1), State.FAILED, id="exit"),
        pytest.param(KeyboardInterrupt(), State.CANCELLED, id="interrupt"),
    ],
)
def test_a_command_leaves_its_end(
    store: Store, error: BaseException | None, outcome: State
) -> None:
    expected = nullcontext() if error is None else pytest.raises(type(error))
    with expected, noting_end(store, JobKind.TRAINING):
        if error is not None:
            raise error
    (end,) = newest_ends(store)
    assert (end.kind, end.outcome) == (JobKind.TRAINING, outcome)
    assert end.seconds >= 0


def test_a_store_that_cannot_be_written_hides_no_failure(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where a folder should be")
    with pytest.raises(ValueError, match="row 3"), noting_end(Store(tmp_path), JobKind.RELOAD):
        raise ValueError("row 3")


def test_a_failure_creates_no_folder_of_artifacts(tmp_path: Path) -> None:
    store = Store(tmp_path / "artifacts")
    with pytest.raises(ValueError, match="row 3"), noting_end(store, JobKind.TRAINING):
        raise ValueError("row 3")
    assert not store.root.exists()


def test_a_record_that_cannot_be_read_is_left_out(store: Store) -> None:
    note_end(store, end_of(State.SUCCEEDED))
    (jobs_folder(store) / ".ends" / "reload-failed.json").write_bytes(b'{"kind": "rel')
    assert newest_ends(store) == [end_of(State.SUCCEEDED)]
