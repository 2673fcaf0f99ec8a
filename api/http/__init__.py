"""The frame of the HTTP contract: operations, their matching, parsing, responses and cache."""
