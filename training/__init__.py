"""Makes bundles: demo data, rows, fit, export, backtest. Serving never imports it."""

import os

# LightGBM's threads wait for each other by spinning unless told otherwise, before its first
# import: beside any other busy process a fit on two threads then takes four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
