"""Settings and what they are made of: secrets, tiers, the version, the generated reference."""
