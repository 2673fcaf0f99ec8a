"""Servers of the same model on other frameworks, to compare with.

Each takes ``{"rows": [[...], ...]}`` and answers ``{"predictions": [...]}``, or speaks the Open
Inference Protocol, over the model file that MODEL names. They validate the shape of a request and
nothing else: no API keys, rate limits, metrics, access log or cache.
"""
