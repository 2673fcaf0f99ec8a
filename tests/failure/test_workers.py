"""A worker is killed, and a server is ended, under load."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from storage.artifacts import Store
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Mix, SentRequest

pytestmark = pytest.mark.e2e

CLIENTS = 8
CONNECTION_ERRORS = {"ConnectError", "ReadError", "RemoteProtocolError", "WriteError"}
"""Errors of a closed or reset connection; an incomplete answer is not one of them."""

RACE_SECONDS = 0.1  # between the start of a request and the loss of its server
SENDING_SECONDS = 0.02  # from the start in the client to the arrival in the server


def has_arrived(began: float, moment: float) -> bool:
    return began < moment - SENDING_SECONDS


def was_in_flight(sent: SentRequest, moment: float) -> bool:
    return has_arrived(sent.began, moment) and sent.began + sent.seconds > moment


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Target]:
    with two_workers(tmp_path_factory.mktemp("workers"), trained) as target:
        yield target


def test_a_killed_worker_fails_only_its_requests_in_flight(target: Target) -> None:
    victim, other = target.workers()
    with target.load(clients=CLIENTS) as load:
        target.wait_for_all_workers(load)
        victim.kill()
        died = time.monotonic()
        load.until(lambda: victim not in target.workers())
        load.more(100)
        activated = '"event":"serving"'
        load.until(lambda: target.server.log.read_text().count(activated) == 3)
        replaced = time.monotonic() - died
        target.wait_for_all_workers(load)
    failed = [sent for sent in load.sends.all if sent.status != 200]
    print(f"replaced after {replaced:.1f} s; {len(failed)} failed; {load.sends}")
    assert other in target.workers()
    assert {sent.code for sent in failed} <= CONNECTION_ERRORS
    assert all(sent.began < died + RACE_SECONDS for sent in failed)
    assert len(failed) <= CLIENTS
    assert {len(bodies) for bodies in load.bodies.values()} == {1}


def test_requests_accepted_before_sigterm_are_answered_completely(target: Target) -> None:
    """Run last: the server has ended afterwards."""
    slow = Mix(target.get("/meta").json(), ["long"])
    with target.load(slow, clients=CLIENTS) as load:
        load.more(50)
        # clients that were answered together begin together: then none has arrived for sure
        load.until(lambda: any(has_arrived(began, time.monotonic()) for began in load.waiting[:]))
        signalled = time.monotonic()
        assert target.server.stop() == 0
        took = time.monotonic() - signalled
    accepted = [sent for sent in load.sends.all if was_in_flight(sent, signalled)]
    print(f"ended after {took:.1f} s; {len(accepted)} were in flight; {load.sends}")
    assert accepted
    assert {sent.status for sent in accepted} == {200}
    assert {sent.status for sent in load.sends.all} <= {200, 0}
    assert {sent.code for sent in load.sends.of(0)} <= CONNECTION_ERRORS
