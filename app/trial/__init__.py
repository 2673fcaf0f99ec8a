"""Trial of a second release, the challenger, in a worker."""
