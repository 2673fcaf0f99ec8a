"""Exports: forecasts of a release as a file, written by a job and downloaded by a signed link."""
