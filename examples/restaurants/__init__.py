"""Visitors of restaurants, in the form of the Recruit data."""
