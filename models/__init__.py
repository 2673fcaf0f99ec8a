"""The bundle, and what turns its model's rows into coherent forecasts. Knows nothing of HTTP."""
