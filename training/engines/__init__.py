"""Back ends that fit models: on this machine, or on a Dask cluster."""
