"""What an event costs the default learner does not grow with the actions that it has seen."""

from __future__ import annotations

from time import process_time

from croupier_policies import Actions, RiverLearner


def test_an_event_costs_the_same_after_six_thousand_actions() -> None:
    learner, spent = RiverLearner(limit=300_000), []
    for block in range(30):
        start = process_time()
        for t in range(200):
            ids = tuple(f"a{(200 * block + t) * 5 + k}" for k in range(5))
            learner.learn({f"x{j}": float((t * j) % 7) for j in range(9)}, Actions(ids), t % 5, float(t % 2), 0.2)
        spent.append(process_time() - start)
    assert min(spent[-5:]) < 2.0 * min(spent[2:7])
