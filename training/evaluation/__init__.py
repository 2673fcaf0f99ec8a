"""Measures of how good a model is: backtest, baselines, calibration, studies."""
