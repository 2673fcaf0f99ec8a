"""What the HTTP contract takes and gives. Quantities are in units, dates ISO 8601."""
