"""The first schema, as `schema.create` created it at version 1.

Revision ID: 1
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_Position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables of an empty store."""
    _create_facts()
    op.create_table("head", sa.Column("position", _Position, nullable=False))
    op.create_table("schema_version", sa.Column("version", sa.Integer, nullable=False))
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "policies",
        sa.Column("id", _Position, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("config", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("arithmetic", sa.Text, nullable=False),
    )
    op.create_table(
        "action_sets",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        sa.Column("position", _Position, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    op.execute("INSERT INTO head (position) VALUES (0)")


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("position", _Position, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("id", sa.Text),
        sa.Column("decision", sa.BigInteger),
        sa.Column("unit", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("reward", sa.Double),
        sa.Column("propensity", sa.Double),
        sa.Column("as_of", sa.BigInteger),
        sa.Column("policy", sa.BigInteger),
        sa.Column("context", sa.LargeBinary),
        sa.Column("actions", sa.LargeBinary),
        sa.Column("key", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    for column, unique in (("id", True), ("key", True), ("decision", False), ("as_of", False)):
        present = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"facts_{column}", "facts", [column], unique=unique, sqlite_where=present, postgresql_where=present
        )
