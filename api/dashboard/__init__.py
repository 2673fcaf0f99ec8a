"""The planner dashboard: its built files, and the addresses at which browsers open it."""
