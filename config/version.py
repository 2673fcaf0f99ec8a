"""Version of the project, for the package, the OpenAPI document and the image."""

__version__ = "0.1.0"
