"""The conformance suite of policies and learners, part of the package so that your own can be checked.

Every check is a function of `make`, which returns an untrained object, and asserts. None needs a test runner.
"""

from croupier_policies.checks.batches import check_batches_agree, check_batches_learn
from croupier_policies.checks.learners import LEARNER_CHECKS, check_learner
from croupier_policies.checks.policies import POLICY_CHECKS, check_devices_agree, check_policy

__all__ = [
    "LEARNER_CHECKS",
    "POLICY_CHECKS",
    "check_batches_agree",
    "check_batches_learn",
    "check_devices_agree",
    "check_learner",
    "check_policy",
]
