"""What a policy refuses."""

from __future__ import annotations


class PolicyError(ValueError):
    """A policy or learner was given something it cannot work with; its state is as it was."""


class TooLarge(PolicyError):
    """The model would outgrow its memory limit."""


class DeviceMissing(PolicyError):
    """The asked-for device or its library is not here."""
