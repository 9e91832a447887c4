"""Whether the evidence is enough: diagnostics, tails, verdicts."""
