"""The contents of a log: facts and values as the engine reads and writes them, checked, encoded and decoded."""
