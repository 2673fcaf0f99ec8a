"""Places where BentoML's own behaviour is replaced; each names the version that it was made for."""
