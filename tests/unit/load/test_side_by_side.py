"""The comparison with other servers: its ratios, and the peers that are added or left out."""

from __future__ import annotations

import pytest
import typer

from load.record import Table
from load.rival_servers import BASELINES, PEERS
from load.side_by_side import _table, add_rows, name_left_out, parse_peers
from load.wrk import MANY, ONE, Contender, WrkResult

FAST, BARE = BASELINES.values()
OURS = "/predict/simple, cached"


def measured(*rates: float, failed: int = 0) -> list[WrkResult]:
    return [WrkResult(rate, 1.0, 2.0, 3.0, failed) for rate in rates]


def contender(name: str, work: str = ONE) -> Contender:
    return Contender(name, work, "http://127.0.0.1", "/predict", ())


def table(*names: str) -> Table:
    return Table(
        id="one", caption="One.", columns=("", "rate"), rows=tuple((name, 1.0) for name in names)
    )


def test_ratios_are_medians_of_those_within_a_round() -> None:
    results = {
        OURS: measured(100, 100, 300, failed=2),
        FAST: measured(50, 100, 100),
        BARE: measured(200, 400, 200),
    }
    written = _table(ONE, [contender(name) for name in results], results)
    assert written.rows[0] == (OURS, 100, 1.0, 2.0, 3.0, 6, 2.0, 0.5)
    assert written.column("× FastAPI")[1] == 1.0


def test_a_ratio_is_to_the_same_work_and_left_open_without_it() -> None:
    names = {OURS: ONE, FAST: ONE, f"{BARE}, 100 rows": MANY}
    results = {name: measured(100) for name in names}
    written = _table(ONE, [contender(name, work) for name, work in names.items()], results)
    assert written.column("") == [OURS, FAST]
    assert written.column("× Starlette") == [None, None]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("", [], id="none"),
        pytest.param("ray", ["ray"], id="one"),
        pytest.param("ray, mlserver ray", ["ray", "mlserver"], id="some, each once"),
        pytest.param("all", list(PEERS), id="all"),
    ],
)
def test_peers_are_read_by_name(text: str, names: list[str]) -> None:
    assert parse_peers(text) == names


def test_an_unknown_peer_is_refused_with_those_there_are() -> None:
    with pytest.raises(typer.BadParameter, match="kserve is none of mlserver, triton, ray, all"):
        parse_peers("ray kserve")


def test_only_the_rows_of_a_peer_are_added_from_its_own_measurement() -> None:
    name = PEERS["ray"].name
    (added,) = add_rows([table(OURS, FAST)], [table(FAST, name)], PEERS["ray"])
    assert added.column("") == [OURS, FAST, name]


def test_a_peer_that_is_left_out_is_named_with_the_reason() -> None:
    assert name_left_out(table(), {}).caption == "One."
    caption = name_left_out(table(), {"ray": "it did not answer"}).caption
    assert caption == "One. Left out: Ray Serve as documented (it did not answer)."
