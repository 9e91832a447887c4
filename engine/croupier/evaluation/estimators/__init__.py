"""Off-policy estimators, as pure functions of columns."""
