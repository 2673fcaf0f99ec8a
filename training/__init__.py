"""Makes bundles: demo data, rows, fit, export, backtest. Serving never imports it."""
