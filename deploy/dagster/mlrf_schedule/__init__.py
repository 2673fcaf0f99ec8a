"""The schedule of a retailer's forecasts, by Dagster: it runs `mlrf` and imports nothing of it."""
