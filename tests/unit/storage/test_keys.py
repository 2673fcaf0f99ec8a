"""Keys: checksum, verification by hash, and masking."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.keys import ApiKey, PresentedKey, Scope, digest_of, mask_keys, mint_key, parse_key

TEXT = "mlrf_QrZBNkeQBVcK_s52fyqBX9BdPF7FNvexGTfhzm8HTirtVLHXPyuShoQJ_4AZgNA"
"""A key in the issued format: issued keys must stay valid."""

ID = "QrZBNkeQBVcK"
SECRET = "s52fyqBX9BdPF7FNvexGTfhzm8HTirtVLHXPyuShoQJ"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = ApiKey(
    id=ID,
    client="shop",
    scopes=frozenset({Scope.FORECAST}),
    tier="standard",
    created_at=NOW,
    expires_at=None,
    revoked_at=None,
    last_used_at=None,
    digest=digest_of(SECRET),
)


# --- text -------------------------------------------------------------------------------------


def test_an_issued_key_can_be_parsed() -> None:
    assert parse_key(TEXT) == PresentedKey(ID, SECRET)


def test_a_new_key_is_read_as_its_parts() -> None:
    new = mint_key()
    assert parse_key(new.text) == PresentedKey(new.public_id, new.secret)
    assert re.fullmatch(r"mlrf_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", new.text)


def test_no_two_new_keys_share_anything() -> None:
    keys = [mint_key() for _ in range(50)]
    assert len({key.public_id for key in keys}) == len({key.secret for key in keys}) == 50


def test_every_single_wrong_letter_or_digit_is_refused() -> None:
    for place, right in enumerate(TEXT):
        for wrong in set("0123456789ABCDEFXYZabcdefxyz_-") - {right}:
            assert parse_key(TEXT[:place] + wrong + TEXT[place + 1 :]) is None


@given(place=st.integers(0, len(TEXT) - 1), wrong=st.characters())
def test_a_wrong_character_is_refused(place: int, wrong: str) -> None:
    key = mint_key().text
    if key[place] != wrong:
        assert parse_key(key[:place] + wrong + key[place + 1 :]) is None


@given(place=st.integers(0, len(TEXT) - 2))
def test_transposed_characters_are_refused(place: int) -> None:
    key = mint_key().text
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert swapped == key or parse_key(swapped) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("hunter2hunter2hunter2", id="no key"),
        pytest.param(TEXT[:-1], id="cut"),
        pytest.param(TEXT + "A", id="longer"),
        pytest.param(TEXT + "\n", id="with a newline"),
        pytest.param(f" {TEXT}", id="with a space"),
        pytest.param(TEXT.lower(), id="in lower case"),
        pytest.param(TEXT * 1000, id="very long"),
    ],
)
def test_text_that_is_no_key_is_refused(text: str) -> None:
    assert parse_key(text) is None


# --- hashes -----------------------------------------------------------------------------------


def test_a_secret_is_verified_by_its_hash() -> None:
    assert KEY.matches(SECRET)
    assert not KEY.matches(SECRET[:-1] + "X")
    assert SECRET not in KEY.digest


@pytest.mark.parametrize(
    ("key", "usable"),
    [
        pytest.param(KEY, True, id="without end"),
        pytest.param(replace(KEY, expires_at=NOW + timedelta(seconds=1)), True, id="expires later"),
        pytest.param(replace(KEY, expires_at=NOW), False, id="expires now"),
        pytest.param(replace(KEY, revoked_at=NOW), False, id="revoked now"),
        pytest.param(
            replace(KEY, revoked_at=NOW + timedelta(hours=1)),
            False,
            id="revoked by a clock that is ahead",
        ),
    ],
)
def test_a_key_is_usable_until_it_is_revoked_or_expires(key: ApiKey, usable: bool) -> None:
    assert key.usable(NOW) is usable


# --- masking ----------------------------------------------------------------------------------


def test_neither_secret_nor_hash_is_in_a_repr() -> None:
    presented = parse_key(TEXT)
    assert SECRET not in repr(presented)
    assert ID in repr(presented)
    assert KEY.digest not in repr(KEY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(TEXT, f"mlrf_{ID}_***", id="a key"),
        pytest.param(
            f"refused {TEXT}, and {TEXT}.",
            f"refused mlrf_{ID}_***, and mlrf_{ID}_***.",
            id="keys in a sentence",
        ),
        pytest.param(TEXT[:40], f"mlrf_{ID}_***", id="a cut key"),
        pytest.param(TEXT.replace(ID, ID[1:]), "mlrf_***", id="a key with a damaged id"),
        pytest.param(f"X{TEXT[1:]}", f"Xlrf_{ID}_***_4AZgNA", id="a key with a damaged prefix"),
        pytest.param(SECRET, "***", id="a bare secret"),
        pytest.param(ID, ID, id="a public id"),
        pytest.param("4f2a" * 8, "4f2a" * 8, id="the id of a request"),
        pytest.param("mlrf_test", "mlrf_test", id="a name with the prefix"),
    ],
)
def test_a_masked_text_shows_no_more_of_a_key_than_its_id(text: str, expected: str) -> None:
    assert mask_keys(text) == expected
