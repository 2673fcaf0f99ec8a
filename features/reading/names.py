"""The canonical form of names, and names that look like slips of one another."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_NO_VALUE = frozenset(
    {"nan", "null", "none", "nat", "n/a", "<na>", "\\n"}  # programs and databases
    | {"#n/a", "#null!", "#value!", "#ref!", "#name?", "#div/0!", "#num!"}  # spreadsheets
)
_MIN_WORD = 5


def canonical(name: str) -> str:
    """Return a name in NFC, trimmed, with single blanks inside and nothing invisible."""
    if name.isascii() and name.isprintable() and "  " not in name:
        return name.strip()
    return " ".join(unicodedata.normalize("NFC", name.translate(_INVISIBLE)).split())


def is_no_value(name: str, *, strictly: bool = False) -> bool:
    """Return whether a text is how programs write that there is none.

    Args:
        strictly: NA too, which may be the code of a place.
    """
    folded = name.casefold()
    return folded in _NO_VALUE or (strictly and folded == "na")


def folded(name: str) -> str:
    """Return a name without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalnum())


def near_duplicates(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of different names that may be meant to be one.

    Pairs differ by case, accents, blanks or punctuation only, or by one letter of one word of at
    least `_MIN_WORD` letters. Numbered names, such as GROCERY I and GROCERY II, are no pair.
    """
    by_fold: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_fold[folded(name) or name].append(name)
    for group in by_fold.values():
        yield from ((group[0], other) for other in group[1:])
    # names that are one letter apart share the text that is left without that letter
    by_rest: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for group in by_fold.values():
        for rest in _without_a_letter(group[0]):
            by_rest[rest].add(group[0])
    pairs = {
        (one, other)
        for similar in by_rest.values()
        if 1 < len(similar) <= 8  # more are a numbered or coded series of names
        for one in similar
        for other in similar
        if one < other and _one_letter_apart(one, other)
    }
    yield from sorted(pairs)


def _words(name: str) -> list[str]:
    return re.findall(r"\w+", name.casefold())


def _without_a_letter(name: str) -> Iterator[tuple[str, ...]]:
    words = _words(name)
    for number, word in enumerate(words):
        if len(word) >= _MIN_WORD and word.isalpha():
            for at in range(len(word)):
                yield (*words[:number], word[:at] + word[at + 1 :], *words[number + 1 :])
            yield tuple(words)


def _one_letter_apart(one: str, other: str) -> bool:
    first, second = _words(one), _words(other)
    different = [pair for pair in zip(first, second, strict=False) if pair[0] != pair[1]]
    if len(first) != len(second) or len(different) != 1:
        return False
    short, long = sorted(different[0], key=len)
    return len(short) >= _MIN_WORD and long.isalpha() and len(long) - len(short) <= 1
