"""Lighthouse and a scripted visit, over the pages of the dashboard."""
