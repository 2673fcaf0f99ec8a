"""The client's address: forwarding headers count only from trusted proxies."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.address import UNKNOWN, client_address

PROXIES = [ip_network(text) for text in ("10.0.0.0/8", "fd00::/8")]


def address(peer: str | None, *forwarded: str | bytes, trusted: bool = True) -> str:
    lines = [line.encode("latin-1") if isinstance(line, str) else line for line in forwarded]
    scope = {
        "type": "http",
        "client": peer and (peer, 1234),
        "headers": [(b"host", b"a"), *((b"x-forwarded-for", line) for line in lines)],
    }
    return client_address(scope, PROXIES if trusted else [])


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("203.0.113.7", [], "203.0.113.7", id="no proxy"),
        pytest.param("203.0.113.7", ["198.51.100.1"], "203.0.113.7", id="a proxy not trusted"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="a trusted proxy"),
        pytest.param(
            "10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1", id="invented by the client"
        ),
        pytest.param(
            "10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1", id="two proxies"
        ),
        pytest.param(
            "10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1", id="two lines of the header"
        ),
        pytest.param("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3", id="all are trusted"),
        pytest.param("10.0.0.1", ["1.1.1.1, unknown"], "10.0.0.1", id="garbage of the nearest"),
        pytest.param(
            "10.0.0.1", ["1.1.1.1, , 10.0.0.2"], "10.0.0.2", id="garbage of the next nearest"
        ),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="an empty header"),
        pytest.param("10.0.0.1", ["198.51.100.1:5678"], "198.51.100.1", id="a port"),
        pytest.param("10.0.0.1", ["[2001:db8::1]:80"], "2001:db8::/64", id="IPv6 with a port"),
        pytest.param("10.0.0.1", ["[2001:db8::1]"], "2001:db8::/64", id="IPv6 in brackets"),
        pytest.param("10.0.0.1", ["2001:db8::1"], "2001:db8::/64", id="IPv6"),
        pytest.param("10.0.0.1", ["127.0.0.01"], "10.0.0.1", id="a leading zero"),
        pytest.param("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="IPv4 in IPv6"),
        pytest.param("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="forwarded so"),
        pytest.param("fd00::1%eth0", ["198.51.100.1"], "198.51.100.1", id="a zone"),
        pytest.param("fe80::1%eth0", [], "fe80::/64", id="a zone of a client"),
        pytest.param("2001:db8:0:1:2:3:4:5", [], "2001:db8:0:1::/64", id="a network of IPv6"),
        pytest.param("testclient", ["198.51.100.1"], UNKNOWN, id="a peer that is no address"),
        pytest.param(None, ["198.51.100.1"], UNKNOWN, id="a Unix socket"),
    ],
)
def test_the_client_address_is_resolved(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    assert address(peer, *forwarded) == expected


def test_without_a_configured_proxy_forwarding_headers_are_ignored() -> None:
    assert address("10.0.0.1", "198.51.100.1", trusted=False) == "10.0.0.1"


IPV4 = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
PUBLIC = IPV4.filter(lambda text: not text.startswith("10."))


@given(
    st.lists(st.binary(max_size=40)), PUBLIC, st.lists(IPV4.map(lambda text: f"10.{text[-1]}.0.1"))
)
def test_entries_sent_by_a_client_change_nothing(
    sent: list[bytes], client: str, proxies: list[str]
) -> None:
    """Entries left of those of trusted proxies are ignored."""
    written = ", ".join([client, *proxies]).encode()
    assert address("10.0.0.1", *sent, written) == client
    assert address("10.0.0.1", b",".join([*sent, written])) == client


@given(st.one_of(st.none(), st.text()), st.lists(st.binary()))
def test_malformed_headers_do_not_fail(peer: str | None, sent: list[bytes]) -> None:
    assert address(peer, *sent)
    assert address("10.0.0.1", *sent)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_ipv6_addresses_count_by_their_network(one: int, other: int) -> None:
    network = 0x20010DB8 << 96
    addresses = [str(ip_network(network + host).network_address) for host in (one, other)]
    assert address(addresses[0]) == address(addresses[1])
