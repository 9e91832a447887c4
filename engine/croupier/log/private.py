"""Fields whose values never reach the log: keyed hashes of them do."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from croupier.errors import ConfigurationDiffers, CorruptStore, InputError
from croupier.log.configuration import canonical_json
from croupier.log.encoding import encode_json
from croupier.log.identifiers import text
from croupier_policies import Row, Value

KEY_BYTES = 16  # a shorter key could be guessed
VARIABLE = "CROUPIER_PRIVATE_KEY"  # where the key is looked for if none is given: commands have no other way
_SETTING = "private"
_HASH_BYTES = 16


class PrivateFields:
    """Replaces the values of some fields by keyed hashes: BLAKE2b of name and value, 32 hexadecimal digits.

    Equal values of one field have equal hashes, so that a policy can learn from them as from any category. Whoever has
    the key can test a guess of a value; without the key, nobody can. The order and distance of numbers are lost. Each
    tag of a list is replaced by its own hash; a `Text`, counts and an array as a whole, by one.

    Args:
        names: The names of the fields, in contexts, features of actions, and attributes of observations.
        key: The secret, at least 16 bytes; it is not stored.

    Raises:
        InputError: A name is not a non-empty string, or the key is missing or too short.

    >>> PrivateFields(["email"], b"a secret of 16 bytes or more").hide({"email": "a@b.example", "hour": 9.0})
    {'email': '321aa5b23fbf8f6b9fef8f099942884a', 'hour': 9.0}
    """

    def __init__(self, names: Collection[str], key: bytes | str | None) -> None:
        if isinstance(names, str):
            raise InputError(f"private is the string {names!r}; give a collection of names, a single name in a list")
        checked = {text(name, "a name in private") for name in names}
        if None in checked:
            raise InputError("a name in private is None; give the names of fields")
        self.names = frozenset(name for name in checked if name is not None)
        self._key = _key(key)

    def hide(self, row: Row) -> Row:
        """A canonical row with the values of the private fields replaced; an array has no named fields."""
        if isinstance(row, np.ndarray) or self.names.isdisjoint(row):
            return row
        return {name: self._hidden(name, value) if name in self.names else value for name, value in row.items()}

    def _hidden(self, name: str, value: Value) -> str | list[str]:
        if isinstance(value, list):
            return [self._hash(name, tag) for tag in value]
        return self._hash(name, value.tolist() if isinstance(value, np.ndarray) else value)

    def hide_attributes(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Checked attributes of an observation with the values of the private ones replaced."""
        if self.names.isdisjoint(attributes):
            return attributes
        return {n: self._hash(n, value) if n in self.names else value for n, value in attributes.items()}

    def settings(self) -> dict[str, bytes]:
        """The settings by which a store recognises the names and the key."""
        return {_SETTING: canonical_json({"fields": sorted(self.names), "key": self._hash("", "")})}

    def _hash(self, name: str, value: Any) -> str:
        return blake2b(encode_json([name, value], name or _SETTING), key=self._key, digest_size=_HASH_BYTES).hexdigest()


def agreed(settings: Mapping[str, bytes], names: Collection[str], key: bytes | str | None) -> PrivateFields | None:
    """The private fields of a store with these settings, opened with these names and this key; None for none.

    The store's own names hold without naming them again. New ones may be added: they are hashed from now on.

    Raises:
        ConfigurationDiffers: The store has private fields, and the key is missing or another one.
        InputError: The names or the key are invalid.
    """
    held = stored_names(settings)
    if key is None and (held or names):
        key = os.environ.get(VARIABLE)
    if not held:
        if key is not None and not names:
            raise InputError("private_key is given, and no field is private; name the fields in private")
        return PrivateFields(names, key) if names else None
    if key is None:
        raise ConfigurationDiffers(
            f"the store has the private fields {held}, and without private_key their values would be logged in clear; "
            "give the key with which it was opened before, "
            f"here or in the environment variable {VARIABLE}"
        )
    fields = PrivateFields({*names, *held}, key)
    if orjson.loads(fields.settings()[_SETTING])["key"] != orjson.loads(settings[_SETTING])["key"]:
        raise ConfigurationDiffers(
            f"private_key is not the one under which the store has hashed the fields {held}: equal values would look "
            "different from now on; give that key"
        )
    return fields


def stored_names(settings: Mapping[str, bytes]) -> list[str]:
    """The names of a store's private fields. Raises CorruptStore."""
    try:
        found = orjson.loads(settings.get(_SETTING, b"null"))
        names, key = ([], "") if found is None else (found["fields"], found["key"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise CorruptStore(f"the setting {_SETTING!r} is damaged ({error}); restore a backup") from error
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names) or type(key) is not str:
        raise CorruptStore(f"the setting {_SETTING!r} is damaged; restore a backup")
    return names


def _key(key: Any) -> bytes:
    if isinstance(key, str):
        key = key.encode("utf-8", "surrogatepass")
    if not isinstance(key, bytes | bytearray) or len(key) < KEY_BYTES:
        given = "missing" if key is None else f"a {type(key).__name__}" if not isinstance(key, bytes) else "too short"
        raise InputError(
            f"private_key is {given}, and hashes under it could be guessed; give a secret of at least {KEY_BYTES} "
            "bytes, for example secrets.token_bytes(32), and keep it outside the store"
        )
    return blake2b(key, digest_size=64).digest()
