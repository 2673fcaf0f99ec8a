"""Requests of `mlrf check-server` and `mlrf latency` to a running server, over HTTP."""
