"""Client of the MLRF forecast service: typed calls, and frames in and out."""
