"""Caches: in this process, and in the Redis that workers and replicas share."""
