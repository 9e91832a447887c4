"""One pass over a log: rows, targets and the status of each decision."""
