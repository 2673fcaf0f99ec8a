"""Benchmarks of the parts below the HTTP calls, on one process and its libraries."""
