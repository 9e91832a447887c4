"""One file per schema version. None imports the current schema, so that a step never changes."""
