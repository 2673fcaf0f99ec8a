"""Live monitoring of the data and the forecasts that are served."""
