"""Training of bundles: demo data, rows, fit, export, backtest. Serving never imports it."""

import os

# By default LightGBM's threads busy-wait for each other: beside another busy process a fit on two
# threads then takes four times as long. The variable has an effect only before its first import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
