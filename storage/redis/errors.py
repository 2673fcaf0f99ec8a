"""Errors of Redis, without its library, which only those who use Redis import."""

from __future__ import annotations


class RedisUnavailableError(Exception):
    """Redis is unavailable; the caller must use its fallback."""
