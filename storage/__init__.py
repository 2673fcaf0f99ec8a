"""Persistent data: the API keys of callers, and the audit log."""
