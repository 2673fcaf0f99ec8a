"""One strict reader of tables: equal text gives equal values in every file format."""
