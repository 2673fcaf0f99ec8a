"""Checks of tables that were read: keys, references, spans, and suspicious values."""
