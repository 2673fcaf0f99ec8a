"""ASGI middleware for every request, independent of routes and models."""
