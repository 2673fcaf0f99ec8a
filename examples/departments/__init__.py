"""Units of items in stores of several states, in the form of the M5 data."""
