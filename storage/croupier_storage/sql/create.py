"""Creation of a store in an empty database, and migration of an older store."""

from __future__ import annotations

from abc import abstractmethod

from sqlalchemy import Connection

from croupier_storage.errors import StoreUnavailable
from croupier_storage.options import StorageOptions
from croupier_storage.sql import schema
from croupier_storage.sql.storage import SQLStorage


class PreparedStorage(SQLStorage):
    """A store that creates and migrates its tables."""

    @abstractmethod
    def _before_creating(self, timeout: float) -> None:
        """Preparations for creating a store that must run outside a transaction."""

    @abstractmethod
    def _lock_schema(self, connection: Connection) -> None:
        """Prevent other processes from creating or changing tables until this transaction ends."""

    def _check_schema(self, connection: Connection) -> None:
        """Refuse a database whose tables could run something when they are read."""

    def prepare(self, options: StorageOptions) -> None:
        """Check the schema version; create the store in an empty database; migrate if `options` says so."""
        with self._reading() as connection:
            self._check_schema(connection)
            version = schema.found_version(connection)
        if version is None and (self._read_only or not options.create):
            raise StoreUnavailable("there is no store in the database yet; check the URL, or let an engine create it")
        if version is None:
            self._before_creating(options.timeout)
            version = self._create()
        elif options.migrate and 0 < version < schema.VERSION:
            version = self._migrate()
        schema.check_version(version)

    def _create(self) -> int:
        with self._writing() as connection:
            self._lock_schema(connection)
            version = schema.found_version(connection)  # another process may have created it meanwhile
            if version is None:
                schema.create(connection)
            return schema.VERSION if version is None else version

    def _migrate(self) -> int:
        from croupier_storage.sql import (
            migrations,
        )  # importing alembic takes a tenth of a second, and it is rarely needed

        self.acquire()
        try:
            with self._reading() as connection:
                version = schema.found_version(connection) or 0
            for step in migrations.steps_after(version):
                with self._writing() as connection:
                    self._lock_schema(connection)
                    migrations.apply_step(connection, step)
                    version = int(step.revision)
        finally:
            self._release()
        return version
