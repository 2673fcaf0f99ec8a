"""Load scenarios and benchmarks, which measure the service and are not shipped with it."""
