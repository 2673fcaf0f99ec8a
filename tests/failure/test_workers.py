"""A worker is killed, and a server is told to end, while clients ask."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from artifacts import Store
from tests.e2e.conftest import GRACE_SECONDS
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Mix, Sent

pytestmark = pytest.mark.e2e

CLIENTS = 8
CUT_OFF = {"ConnectError", "ReadError", "RemoteProtocolError", "WriteError"}
"""How a connection ends that somebody closes or resets; an answer that is not whole is another."""

REPLACED_SECONDS = 10.0  # 3 s where nothing else runs
RACE_SECONDS = 0.1  # between a request that is on its way and a server that is gone
SENDING_SECONDS = 0.02  # from a client's beginning to the server's having it


def in_flight(sent: Sent, moment: float) -> bool:
    return sent.began < moment - SENDING_SECONDS and sent.began + sent.seconds > moment


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, trained: Store) -> Iterator[Target]:
    with two_workers(tmp_path_factory.mktemp("workers"), trained) as target:
        yield target


def test_a_killed_worker_takes_with_it_what_it_was_answering_and_no_more(target: Target) -> None:
    victim, other = target.workers()
    with target.load(clients=CLIENTS) as load:
        target.met(load)
        victim.kill()
        died = time.monotonic()
        load.until(lambda: victim not in target.workers())
        load.more(100)
        serving = '"event":"serving"'
        load.until(lambda: target.server.log.read_text().count(serving) == 3, REPLACED_SECONDS)
        replaced = time.monotonic() - died
        target.met(load)
    failed = [sent for sent in load.sends.all if sent.status != 200]
    print(f"replaced after {replaced:.1f} s; {len(failed)} failed; {load.sends}")
    assert other in target.workers()
    assert {sent.code for sent in failed} <= CUT_OFF
    assert all(sent.began < died + RACE_SECONDS for sent in failed)
    assert len(failed) <= CLIENTS
    assert {len(bodies) for bodies in load.bodies.values()} == {1}


def test_what_was_accepted_before_sigterm_is_answered_whole(target: Target) -> None:
    """Comes last: the server is gone then."""
    slow = Mix(target.get("/meta").json(), ["long"])
    with target.load(slow, clients=CLIENTS) as load:
        load.more(50)
        told = time.monotonic()
        assert target.server.stop() == 0
        took = time.monotonic() - told
    accepted = [sent for sent in load.sends.all if in_flight(sent, told)]
    print(f"ended after {took:.1f} s; {len(accepted)} were in flight; {load.sends}")
    assert accepted
    assert {sent.status for sent in accepted} == {200}
    assert {sent.status for sent in load.sends.all} <= {200, 0}
    assert {sent.code for sent in load.sends.of(0)} <= CUT_OFF
    assert took < GRACE_SECONDS + 2
