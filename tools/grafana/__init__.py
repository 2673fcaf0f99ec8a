"""The Grafana dashboard as code: `python -m tools.grafana.dashboard` writes its JSON."""
