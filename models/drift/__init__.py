"""Tests of whether a model, or the data that it reads, are still what they were in training."""
