"""The canonical form of names, and the search for names that differ by a typing error."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_NO_VALUE = frozenset(
    {"nan", "null", "none", "nat", "n/a", "<na>", "\\n"}  # programs and databases
    | {"#n/a", "#null!", "#value!", "#ref!", "#name?", "#div/0!", "#num!"}  # spreadsheets
)
_MIN_WORD = 5


def canonical(name: str) -> str:
    """Return a name in NFC, trimmed, with single blanks inside and no invisible characters."""
    if name.isascii() and name.isprintable() and "  " not in name:
        return name.strip()
    return " ".join(unicodedata.normalize("NFC", name.translate(_INVISIBLE)).split())


def is_no_value(name: str, *, strictly: bool = False) -> bool:
    """Return whether a text is a program's notation for a missing value.

    Args:
        strictly: count NA as well, which may be the code of a place.
    """
    lowercase = name.casefold()
    return lowercase in _NO_VALUE or (strictly and lowercase == "na")


def fold_name(name: str) -> str:
    """Return a name without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalnum())


def find_near_duplicates(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of different names that may denote the same thing.

    Pairs differ by case, accents, blanks or punctuation only, or by one letter of one word of at
    least `_MIN_WORD` letters. Numbered names, such as GROCERY I and GROCERY II, are no pair.
    """
    by_fold: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_fold[fold_name(name) or name].append(name)
    for group in by_fold.values():
        yield from ((group[0], other) for other in group[1:])
    # Comparing all pairs would be quadratic. Two names one letter apart (one inserted, missing or
    # changed) become equal when that letter is dropped, so each name is indexed under every text
    # with one letter dropped, and under itself; only names that share an entry are compared.
    by_rest: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for group in by_fold.values():
        for rest in _drop_each_letter(group[0]):
            by_rest[rest].add(group[0])
    pairs = {
        (one, other)
        for similar in by_rest.values()
        if 1 < len(similar) <= 8  # more are a numbered or coded series of names
        for one in similar
        for other in similar
        if one < other and _is_one_letter_apart(one, other)
    }
    yield from sorted(pairs)


def find_slips(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return the known name that each misspelt name stands for.

    A name is misspelt if it differs from a known one as `find_near_duplicates` says, or by two
    neighbouring letters that are swapped.
    """
    right = set(known)
    wrong = set(names) - right
    pairs = list(find_near_duplicates(right | wrong))
    pairs += [(other, one) for one, other in pairs]
    slips = {name: match for name, match in pairs if name in wrong and match in right}
    by_fold = {fold_name(name): name for name in sorted(right)}
    for name in sorted(wrong - slips.keys()):
        folded = fold_name(name)
        matches = [by_fold[fold] for fold in (folded, *_swap_letters(folded)) if fold in by_fold]
        if folded and matches:
            slips[name] = matches[0]
    return slips


def _swap_letters(folded: str) -> Iterator[str]:
    """Yield a folded name with each pair of neighbouring letters swapped."""
    if len(folded) < _MIN_WORD:
        return
    for at, pair in enumerate(pairwise(folded)):
        if "".join(pair).isalpha():
            yield folded[:at] + folded[at + 1] + folded[at] + folded[at + 2 :]


def _split_words(name: str) -> list[str]:
    return re.findall(r"\w+", name.casefold())


def _drop_each_letter(name: str) -> Iterator[tuple[str, ...]]:
    words = _split_words(name)
    for number, word in enumerate(words):
        if len(word) >= _MIN_WORD and word.isalpha():
            for at in range(len(word)):
                yield (*words[:number], word[:at] + word[at + 1 :], *words[number + 1 :])
            yield tuple(words)


def _is_one_letter_apart(one: str, other: str) -> bool:
    first, second = _split_words(one), _split_words(other)
    different = [pair for pair in zip(first, second, strict=False) if pair[0] != pair[1]]
    if len(first) != len(second) or len(different) != 1:
        return False
    short, long = sorted(different[0], key=len)
    return len(short) >= _MIN_WORD and long.isalpha() and len(long) - len(short) <= 1
