"""Version of the client, for the package and its User-Agent."""

__version__ = "0.1.0"
