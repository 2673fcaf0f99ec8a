"""Pure ASGI: what happens to every request, whoever answers it. Knows nothing of models."""
