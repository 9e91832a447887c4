"""What the log says of the difference between two variants."""
