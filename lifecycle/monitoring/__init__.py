"""Monitoring of what was served: its accuracy, drift, outliers, events and feedback."""
