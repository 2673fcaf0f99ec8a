"""Calls about the forecasts in service: whether they and their inputs are what they were."""
