"""From a URL to a store in PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, create_engine, event

from croupier_storage.options import StorageOptions
from croupier_storage.sql.postgres import PostgresStorage

# A server may be set to wait for its standbys as well; that is not undone.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

# So that the lease of a machine that vanished is free within half a minute, too.
_ALIVE = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


def open_server(url: URL, options: StorageOptions) -> PostgresStorage:
    """The store in this database."""
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=4,
        max_overflow=12,
        pool_timeout=max(options.timeout, 1.0),
        pool_pre_ping=True,  # a server that was restarted costs nobody a call
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
    """The driver's side of a session: a network that went silent is noticed within half a minute, not in hours."""
    return {
        "client_encoding": "utf8",
        "connect_timeout": max(2, round(options.timeout)),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
    }


def _session_initialiser(options: StorageOptions) -> Any:
    """Settles a new session: how long it waits for locks, whether it waits for the disk, whether it may write.

    Per session rather than per transaction, which would cost each one another way to the server and back.
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
