"""Drivers, clocks, clients and servers that tests of several packages use."""

import pytest

# assertions in here explain themselves like those of a test
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("asgi", "raw_http", "servers", "valkey", "waiting"))
)
