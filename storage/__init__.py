"""Persistent and shared data: artifacts, the database, Redis, caches."""
