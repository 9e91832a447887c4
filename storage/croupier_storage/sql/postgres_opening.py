"""Opens a store in PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, create_engine, event

from croupier_storage.options import StorageOptions
from croupier_storage.sql.pool import AtomicPool
from croupier_storage.sql.postgres import PostgresStorage

# A server may be configured to wait for its standbys too; that setting is preserved.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

# Releases the lease of a machine that disappeared within half a minute.
_ALIVE = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


def open_server(url: URL, options: StorageOptions) -> PostgresStorage:
    """The store in this database."""
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        poolclass=AtomicPool,
        pool_pre_ping=True,  # no call fails because the server was restarted
        connect_args={name: value for name, value in _client(options).items() if name not in url.query},
    )
    event.listen(engine, "connect", _session_initialiser(options))
    storage = PostgresStorage(engine, options)
    try:
        storage.prepare(options)
    except BaseException:
        storage.close()
        raise
    return storage


def _client(options: StorageOptions) -> dict[str, Any]:
    """Connection parameters of the driver: a dead network is noticed within half a minute instead of hours."""
    return {
        "client_encoding": "utf8",
        "connect_timeout": max(2, round(options.timeout)),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
    }


def _session_initialiser(options: StorageOptions) -> Any:
    """A listener that configures a new session: lock timeout, durability, and whether it may write.

    Configuring every transaction instead would cost each of them another round trip.
    """
    settings = [f"SET lock_timeout = {max(1, round(options.timeout * 1000))}", _ALIVE]
    settings.append(_DURABLE if options.durability == "commit" else "SET synchronous_commit = off")
    if options.read_only:
        settings.append("SET default_transaction_read_only = on")

    def initialise(connection: Any, record: object) -> None:
        connection.autocommit = True
        connection.execute("; ".join(settings))
        connection.autocommit = False

    return initialise
