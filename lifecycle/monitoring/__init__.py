"""Monitoring of what is served, and the events that report it."""
