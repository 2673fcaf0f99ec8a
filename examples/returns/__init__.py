"""Articles of an online shop whose customers send goods back."""
