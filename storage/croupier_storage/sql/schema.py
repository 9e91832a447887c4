"""The tables in SQLAlchemy Core, with types that both SQLite and PostgreSQL have."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    inspect,
    select,
    type_coerce,
)
from sqlalchemy.event import listen

from croupier_storage.errors import SchemaMismatch

VERSION = 1

metadata = MetaData()

# In SQLite only a column declared INTEGER is the rowid; any other type needs a second B-tree.
_Position = BigInteger().with_variant(Integer(), "sqlite")

facts = Table(
    "facts",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("id", Text),
    Column("decision", BigInteger),
    Column("unit", Text),
    Column("action", Text),
    Column("reward", Double),
    Column("propensity", Double),
    Column("as_of", BigInteger),
    Column("policy", BigInteger),
    Column("context", LargeBinary),
    Column("actions", LargeBinary),
    Column("key", Text),
    Column("body", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
)


def _partial(name: str, column: Column[object], *, unique: bool) -> Index:
    """A partial index of the rows with a value in this column; the others cost nothing."""
    present = column.is_not(None)
    return Index(name, column, unique=unique, sqlite_where=present, postgresql_where=present)


# No index on `unit`: units arrive in random order, and the index would slow appending by more than a tenth.
_partial("facts_id", facts.c.id, unique=True)
_partial("facts_key", facts.c.key, unique=True)
_partial("facts_decision", facts.c.decision, unique=False)
_partial("facts_as_of", facts.c.as_of, unique=False)

head = Table(
    "head",
    metadata,
    Column("position", _Position, nullable=False),
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("id", _Position, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("config", LargeBinary, nullable=False),
    Column("hash", Text, nullable=False),
    Column("arithmetic", Text, nullable=False),
)

action_sets = Table(
    "action_sets",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("hash", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("digest", LargeBinary, nullable=False),
)


def _without_statistics(table: Table, *columns: str) -> None:
    """Keep a table's values out of PostgreSQL's statistics: from there, an erasure could not remove them."""
    changes = ", ".join(f"ALTER COLUMN {name} SET STATISTICS 0" for name in columns)
    statement = DDL(f"ALTER TABLE {table.name} {changes}")  # type: ignore[no-untyped-call] # it has no types
    listen(table, "after_create", statement.execute_if(dialect="postgresql"))


_without_statistics(facts, "id", "unit", "action", "context", "key", "body")
_without_statistics(action_sets, "body")
_without_statistics(settings, "value")
_without_statistics(snapshots, "body")


def found_version(connection: Connection) -> int | None:
    """The schema version of the database; None if it has no tables.

    Raises:
        SchemaMismatch: Its tables are not those of a store.
    """
    names = inspect(connection).get_table_names()
    if not names:
        return None
    query = select(type_coerce(schema_version.c.version, Integer)).limit(1)
    version = connection.scalar(query) if schema_version.name in names else None
    if type(version) is not int:
        raise SchemaMismatch(
            "the database has tables, but is not a Croupier store; writing would mix the log with "
            "other data. Give the store a database of its own"
        )
    return version


def check_version(version: int) -> None:
    """Refuse a store whose schema is not this library's.

    Raises:
        SchemaMismatch: The schema is newer, older, or never existed.
    """
    if version > VERSION:
        raise SchemaMismatch(
            f"the store has schema {version}, newer than the {VERSION} that this library reads; its facts could be "
            "misread. Upgrade croupier to the version that wrote it"
        )
    if 0 < version < VERSION:
        raise SchemaMismatch(
            f"the store has schema {version}, older than the {VERSION} that this library writes; back it up, then open "
            "it once with migrate=True"
        )
    if version < 1:
        raise SchemaMismatch(
            f"the store has schema {version}, which no release of this library has written. Restore a backup"
        )


def create(connection: Connection) -> None:
    """Create the tables of an empty store, inside the caller's transaction."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(head.insert().values(position=0))
    connection.execute(schema_version.insert().values(version=VERSION))
