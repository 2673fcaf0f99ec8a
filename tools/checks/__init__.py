"""Checks of the Kubernetes manifests: rules on the rendered YAML, and a run without a cluster."""
