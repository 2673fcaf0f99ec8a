"""The HTTP contract. Thin: parse, call, answer."""
