"""Forecast mathematics: bundle, model, reconciliation, intervals, explanation. Without HTTP."""
