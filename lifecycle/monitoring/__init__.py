"""Live monitoring of the release that serves: what its forecasts were worth, and what drifts."""
