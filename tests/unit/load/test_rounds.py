"""Alternatives for the same work are measured in turn."""

from __future__ import annotations

from load.rounds import Spread, make_timer, measure_interleaved


def test_alternatives_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    figures = iter(range(100))
    done: list[None] = []

    def way(name: str) -> float:
        order.append(name)
        return float(next(figures))

    spreads = measure_interleaved(
        {"a": lambda: way("a"), "b": lambda: way("b")},
        rounds=3,
        advance=lambda: done.append(None),
    )
    assert order == ["a", "b"] * 4
    assert len(done) == 8
    assert spreads == {"a": Spread(4, 2, 6), "b": Spread(5, 3, 7)}


def test_short_work_is_repeated_until_it_can_be_timed() -> None:
    calls: list[None] = []
    each = make_timer(lambda: calls.append(None), least=0.01)()
    assert len(calls) > 10
    assert 0 < each < 0.01
