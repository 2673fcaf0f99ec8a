"""Load scenarios and benchmarks: what measures the product, and is no part of it."""
