"""Models of requests and answers. Quantities are in units, dates are ISO 8601."""
