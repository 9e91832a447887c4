"""Full-size runs of what the tests check on a small scale: `python -m proofs.NAME`; exits with 1 if a check fails."""
