"""The release that serves: loading, stored forecasts, forecasts from any origin."""
