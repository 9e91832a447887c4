"""The live loop: threads, locks, the clock and the writer around the fold."""
