"""An invented retailer: its facts, and the generator of its tables."""
