"""From a retailer's tables to a snapshot: reading, checks, hierarchy, calendar."""
