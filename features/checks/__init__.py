"""Checks of tables that were read: keys, references, spans, and what looks wrong in the values."""
