"""Experiments: policies against each other."""

from __future__ import annotations

from collections.abc import Mapping

from croupier import deciding, trials
from croupier.experiments.experiment import Experiment
from croupier.experiments.promotion import Rule, Ruling
from croupier.facade.core import Core


class Trying(Core):
    """The part of the engine in which policies are tried against each other."""

    def start(self, experiment: Experiment) -> int:
        """Begin an experiment: from here every unit meets its variant; returns the position of the fact.

        Raises:
            NotNow: Another one is running.
            InputError: The log has one of this name already.
        """
        return self._settled(trials.start(self._ready(), experiment))

    def weigh(self, weights: Mapping[str, float]) -> int:
        """Change the weights of the running experiment, moving as few units as can be; returns the fact's position.

        Raises:
            NotNow: No experiment is running.
            InputError: A weight or a name cannot be what was meant.
        """
        return self._settled(trials.weigh(self._ready(), weights))

    def stop(self) -> int:
        """End the running experiment: every unit meets the champion again; returns the position of the fact.

        Raises:
            NotNow: No experiment is running.
        """
        return self._settled(trials.stop(self._ready()))

    def judge(self, variant: str, rule: Rule | None = None, *, spent: bool = False, level: float = 0.95) -> Ruling:
        """What the log's evidence says of a candidate of the running experiment; nothing is done.

        Args:
            variant: The candidate.
            rule: When it grows, wins or goes; the experiment's guardrails are added to its own.
            spent: Whether the time or the units that were planned have run out.
            level: Of the confidence sequences.

        Raises:
            NotNow: No experiment is running.
            InputError: It has no such candidate.
        """
        return deciding.judge(self._ready(), variant, rule or Rule(), spent, level)

    def review(self, variant: str, rule: Rule | None = None, *, spent: bool = False, level: float = 0.95) -> Ruling:
        """Judge a candidate and act on it: its share grows, it is promoted, or it is withdrawn. To be called regularly.

        Args, raises: As `judge` has them.
        """
        live = self._ready()
        ruling = deciding.review(live, variant, rule or Rule(), spent, level)
        live.settle(live.position)
        return ruling

    def promote(self, variant: str, rule: Rule | None = None, *, level: float = 0.95) -> Ruling:
        """Make a candidate the champion, which ends the experiment. `roll_back` returns to the state before it.

        Args: As `judge` has them.

        Raises:
            EvidenceError: The evidence does not carry it; the message says what is missing.
            NotNow: No experiment is running.
            InputError: It has no such candidate.
        """
        live = self._ready()
        ruling = deciding.promote(live, variant, rule or Rule(), level)
        live.settle(live.position)
        return ruling

    @property
    def experiment(self) -> Mapping[str, float]:
        """The share of units of each variant of the running experiment, the hold-out's too; empty where none runs."""
        running = self._live.fold.running
        return {} if running is None else dict(running.split.shares)
