"""Retailers in the shape of public data sets: their `retailer.yaml`, and generated tables."""
