"""Rate limits: exact in Redis; without it, each process enforces its share of the limit."""
