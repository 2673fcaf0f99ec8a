"""Events that leave the service: how a worker sends what waits in the outbox."""
