"""Weekly sales of departments in hypermarkets, in the form of the Walmart data."""
