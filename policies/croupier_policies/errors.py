"""The errors of policies and learners, under `PolicyError`."""

from __future__ import annotations


class PolicyError(ValueError):
    """Invalid input for a policy or learner; its state is unchanged."""


class TooLarge(PolicyError):
    """The model would exceed its memory limit."""


class DeviceMissing(PolicyError):
    """The requested device or its library is not available."""


class NotStorable(PolicyError):
    """The model contains an object outside the allow-list; it is restored by replay, not from a snapshot."""


class ForgedState(PolicyError):
    """The data does not describe a model of the allow-list; nothing was constructed from it."""
