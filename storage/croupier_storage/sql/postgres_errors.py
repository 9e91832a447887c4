"""Translation of PostgreSQL's errors, by their SQLSTATE."""

from __future__ import annotations

from croupier_storage.errors import CorruptStore, InvalidFact, SchemaMismatch, StorageError, StoreUnavailable

_Advice = tuple[type[StorageError], str]

# The longest matching prefix of the five characters applies.
_ADVICE: dict[str, _Advice] = {
    "": (StorageError, "the database refused"),
    "08": (StoreUnavailable, "the connection to the server broke; check the server and the network, then try again"),
    "22": (InvalidFact, "PostgreSQL cannot store a value; change it"),
    "23505": (InvalidFact, "an id or key is already in the store; use a new one"),
    "25006": (StoreUnavailable, "the database is read-only, perhaps a standby; connect to the primary"),
    "28": (StoreUnavailable, "the server refused the user or password; check the URL"),
    "3D": (StoreUnavailable, "there is no such database on the server; create it, or check the URL"),
    "40": (StoreUnavailable, "the transaction conflicted with another; try again"),
    "42501": (StoreUnavailable, "the user lacks a privilege; grant it the privileges of the tables' owner"),
    "42P01": (SchemaMismatch, "a table is missing; another program changed the store, restore a backup"),
    "42703": (SchemaMismatch, "a column is missing; another program changed the store, restore a backup"),
    "53": (StoreUnavailable, "the server lacks memory, disk space or connections; provide more, then try again"),
    "53100": (StoreUnavailable, "the server's disk is full; free some space, then try again"),
    "53300": (StoreUnavailable, "the server has no free connection; close some, or raise max_connections"),
    "54": (InvalidFact, "a value is larger than PostgreSQL can store or index; use a smaller one"),
    "55P03": (StoreUnavailable, "another program has locked the store; wait for it, then try again"),
    "57": (StoreUnavailable, "the server cancelled the operation; check that it is running, then try again"),
    "58": (StoreUnavailable, "the server's disk failed to read or write; check it before continuing"),
    "XX001": (CorruptStore, "a table is damaged; restore a backup, or salvage with `damaged_positions`"),
    "XX002": (CorruptStore, "an index is damaged; REINDEX it, then check with `damaged_positions`"),
}

_CONNECTION_FAILED: _Advice = (
    StoreUnavailable,
    "the server could not be reached, or the connection broke; check that it is running",
)


def explain(error: BaseException) -> StorageError:
    """This package's error for a psycopg error: what is wrong, the harm, what to do.

    Args:
        error: A `psycopg.Error`; without a SQLSTATE it comes from the connection or from psycopg itself.
    """
    state = getattr(error, "sqlstate", None)
    if state is None:
        kind, advice = (
            _CONNECTION_FAILED if _is_connection_error(error) else (InvalidFact, "PostgreSQL cannot store a value")
        )
    else:
        kind, advice = next(_ADVICE[state[:size]] for size in range(5, -1, -1) if state[:size] in _ADVICE)
    return kind(f"{advice} ({' '.join(str(error).split())}). Nothing of this call was stored")


def _is_connection_error(error: BaseException) -> bool:
    return type(error).__name__ not in {"DataError", "ProgrammingError"}
