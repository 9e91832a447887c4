"""Case studies: `python -m case.study`, `case.events` (recommenders), `case.experiment`, `case.open_bandit`."""
