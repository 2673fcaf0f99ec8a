"""Ways of the same work are measured in turn."""

from __future__ import annotations

from load.rounds import Spread, interleaved, seconds


def test_ways_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    figures = iter(range(100))
    done: list[None] = []

    def way(name: str) -> float:
        order.append(name)
        return float(next(figures))

    told = interleaved(
        {"a": lambda: way("a"), "b": lambda: way("b")},
        rounds=3,
        advance=lambda: done.append(None),
    )
    assert order == ["a", "b"] * 4
    assert len(done) == 8
    assert told == {"a": Spread(4, 2, 6), "b": Spread(5, 3, 7)}


def test_short_work_is_repeated_until_its_time_can_be_told() -> None:
    calls: list[None] = []
    each = seconds(lambda: calls.append(None), least=0.01)()
    assert len(calls) > 10
    assert 0 < each < 0.01
