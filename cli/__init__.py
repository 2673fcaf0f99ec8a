"""The `mlrf` command: one module for each topic; each imports what a command needs when it runs."""
