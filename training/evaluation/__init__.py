"""How good a model is: backtest, baselines, calibration, studies."""
