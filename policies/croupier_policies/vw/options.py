"""The Vowpal Wabbit options that a policy may have: an exact allow-list, each with a pattern for its value.

Excluded on purpose: options that read or write files, open ports, run several passes, print, or change the meaning of
an example or a prediction, since a command line from a log is untrusted data. Also `--elim`, which was observed to
return probabilities of −2.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from croupier_policies.errors import PolicyError, TooLarge

_NUMBER: Final = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?"
_COUNT: Final = r"\d{1,9}"
_SPACES: Final = r"[sa:]"  # the two namespaces and the wildcard
MAX_BITS: Final = 24
#: Options whose state the model file omits, so that a reloaded workspace learns differently; measured, see `VWPolicy`.
NOT_RESUMED: Final = frozenset({"--bag", "--cb_dro", "--cover", "--rnd", "--sparse_weights"})

_SHORT: Final = {"-b": "--bit_precision", "-l": "--learning_rate", "-q": "--quadratic"}
_FORMS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("--cb_explore_adf", "--softmax", "--squarecb", "--regcb", "--regcbopt", "--greedify", "--nounif",
         "--synthcover", "--first_only", "--adaptive", "--invariant", "--normalized", "--sgd", "--ftrl", "--coin",
         "--pistol", "--noconstant", "--cb_dro", "--sparse_weights", "--large_action_space"),
        "",
    ),
    **dict.fromkeys(
        ("--epsilon", "--lambda", "--gamma_scale", "--gamma_exponent", "--mellowness", "--cb_min_cost", "--psi",
         "--cb_max_cost", "--synthcoverpsi", "--rnd_alpha", "--rnd_invlambda", "--clip_p", "--learning_rate",
         "--power_t", "--initial_t", "--decay_learning_rate", "--l1", "--l2", "--ftrl_alpha", "--ftrl_beta",
         "--cb_dro_alpha", "--cb_dro_tau", "--cb_dro_wmax"),
        _NUMBER,
    ),
    **dict.fromkeys(("--first", "--bag", "--cover", "--rnd", "--random_seed", "--max_actions"), _COUNT),
    "--bit_precision": r"\d{1,2}",
    "--cb_type": "mtr|ips|dm|dr|sm",
    "--loss_function": "squared|quantile|huber|expectile",
    "--quadratic": _SPACES + "{2}",
    "--cubic": _SPACES + "{3}",
    "--interactions": _SPACES + "{2,6}",
    "--ignore_linear": _SPACES,
    "--ignore": _SPACES,
}  # fmt: skip


class Command(NamedTuple):
    """A validated command line, and whether a model file contains everything that was learned."""

    tokens: tuple[str, ...]
    resumes: bool


def parse_command(command: str) -> Command:
    """Validate a command line and normalise its options.

    Raises:
        PolicyError: An option is outside the allow-list, a value has the wrong form, or --cb_explore_adf is missing.
        TooLarge: There are more than 2²⁴ weights.

    >>> parse_command("--cb_explore_adf -q sa").tokens
    ('--cb_explore_adf', '--quadratic=sa')
    >>> parse_command("--cb_explore_adf --final_regressor /etc/passwd")
    Traceback (most recent call last):
    ...
    croupier_policies.errors.PolicyError: '--final_regressor' is not on the allow-list of Vowpal Wabbit's options
    """
    words = command.split()
    options: list[tuple[str, str]] = []
    while words:
        options.append(_option(words))
    names = [name for name, _ in options]
    if "--cb_explore_adf" not in names:
        raise PolicyError(
            "the command line must contain --cb_explore_adf: a policy returns a probability for every action"
        )
    if twice := {n for n in names if names.count(n) > 1} - {"--quadratic", "--cubic", "--interactions"}:
        raise PolicyError(f"options given twice: {', '.join(sorted(twice))}")
    _check_size(dict(options))
    resumes = not NOT_RESUMED & set(names) and ("--cb_type", "dr") not in options
    return Command(tuple(f"{name}={value}" if value else name for name, value in options), resumes)


def _option(words: list[str]) -> tuple[str, str]:
    """The first option and its value, removed from the list."""
    word = words.pop(0)
    if re.fullmatch(r"-[a-z].+", word):  # -qsa
        words.insert(0, word[2:])
        word = word[:2]
    name, equals, value = word.partition("=")
    name = _SHORT.get(name, name)
    if name not in _FORMS:
        raise PolicyError(f"{name!r} is not on the allow-list of Vowpal Wabbit's options")
    if _FORMS[name] and not equals:
        value = words.pop(0) if words else ""
    if not re.fullmatch(_FORMS[name], value):
        hint = "; the namespaces are s (context) and a (action)" if _SPACES in _FORMS[name] else ""
        raise PolicyError(f"{value!r} is not a valid value for {name}{hint}")
    return name, value


def _check_size(options: dict[str, str]) -> None:
    models = sum(int(options.get(name, 0)) for name in ("--bag", "--cover", "--rnd")) + 1
    weights = models << int(options.get("--bit_precision", 18))
    if weights > 1 << MAX_BITS:
        raise TooLarge(f"{weights} weights are more than 2^{MAX_BITS}; use fewer bits (-b) or fewer members")
