"""How much a caller has spent: exactly in Redis, by a fair share in the process without it."""
