"""The feature of a context by which decisions are segmented."""

from __future__ import annotations

from collections.abc import Mapping

from croupier.errors import InputError
from croupier_policies import Value

NONE = "none"  # the segment of contexts that lack the feature


def segment(context: Mapping[str, Value], name: str) -> str:
    """The segment of a context: its number or string of this name. Raises InputError for several values.

    >>> segment({"device": "phone"}, "device"), segment({"hour": 9.0}, "device")
    ('phone', 'none')
    """
    value = context.get(name, NONE)
    if not isinstance(value, float | str):
        raise InputError(
            f"the feature {name!r} has several values in one context, and a decision belongs to one segment; name a "
            "feature that is a number or a string"
        )
    return str(value)
