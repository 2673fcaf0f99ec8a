"""Servers of the same model as other people write them, to compare with.

Each takes ``{"rows": [[...], ...]}`` and answers ``{"predictions": [...]}``, over the model file
that MODEL names. They check the shape of a request and nothing else: no keys, no limits, no
metrics, no log, no cache.
"""
