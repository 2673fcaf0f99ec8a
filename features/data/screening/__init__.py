"""Screening of the newest days of tables for values that are probably wrong."""
