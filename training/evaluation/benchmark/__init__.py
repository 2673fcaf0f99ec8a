"""Public benchmarks, run on the product as it is served."""
