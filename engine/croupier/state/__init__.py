"""State as a pure fold of the log: policies, features, experiments, snapshots, verification."""
