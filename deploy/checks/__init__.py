"""Checks of the manifests: by reading what is rendered, and by running it."""
