"""Sales of drugstores, in the form of the Rossmann data."""
