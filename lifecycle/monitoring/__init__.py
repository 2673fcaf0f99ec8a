"""Measurement of the forecasts that were served: their vintages, and the sales since."""
