"""Where a model is fitted: on this machine, or on a Dask cluster."""
