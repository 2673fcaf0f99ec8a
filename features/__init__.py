"""From the retailer's tables to the rows of the model: the only definition of every feature."""
