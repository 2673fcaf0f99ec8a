"""The OpenAPI document and the pages that are rendered from it."""
