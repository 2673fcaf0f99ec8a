"""Builds the arrays of a snapshot, part by part."""
