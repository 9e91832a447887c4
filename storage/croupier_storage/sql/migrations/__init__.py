"""Schema migrations with Alembic on an open connection, without an ini file or environment script."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, insert, update

from croupier_storage.sql.schema import schema_version

FOLDER = Path(__file__).parent


def steps_after(version: int) -> list[Script]:
    """The steps that a store of this version needs, in order; the revision of a step is its target version."""
    steps = ScriptDirectory(str(FOLDER)).walk_revisions()
    return sorted((step for step in steps if int(step.revision) > version), key=lambda step: int(step.revision))


def apply_step(connection: Connection, step: Script) -> None:
    """Apply one step and record the new version, both in the caller's transaction."""
    with Operations.context(MigrationContext.configure(connection)):
        step.module.upgrade()
    if connection.execute(update(schema_version).values(version=int(step.revision))).rowcount == 0:
        connection.execute(insert(schema_version).values(version=int(step.revision)))
