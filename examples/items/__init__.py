"""Units of items in stores and nothing else, in the form of the store-item challenge."""
