"""Benchmarks of the layers below the HTTP API, within one process."""
