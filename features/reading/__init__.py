"""One strict reader of tables: the same text means the same value whatever file carries it."""
