"""One pass over a log: rows, targets and what became of each decision."""
