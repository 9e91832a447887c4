"""What a log says: facts and values as the engine reads and writes them, checked and encoded."""
