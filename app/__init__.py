"""The application of one worker: middleware in order, background tasks, health."""
