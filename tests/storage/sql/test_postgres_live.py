"""Server restarts, lost replies, and readers concurrent with writers."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from croupier_storage import PositionTaken, Storage, StoreUnavailable, open_storage
from croupier_storage.checks.samples import decision, reward


class Proxy:
    """Stands between a store and its server, and can lose what they say around a COMMIT.

    `lose` is what to lose: `question` (the server never hears it), `answer` (it is done, and nobody is told), `client`
    (the server keeps waiting in its transaction), or nothing.
    """

    def __init__(self, url: URL) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._target = url
        self._open: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.lose = ""
        port = self._listener.getsockname()[1]
        query = {key: value for key, value in url.query.items() if key != "host"} | {"sslmode": "disable"}
        self.url = url.set(host="127.0.0.1", port=port, query=query).render_as_string(hide_password=False)
        self._start(self._listen)

    def _start(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=sockets, daemon=True))
        self._threads[-1].start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._carry, client, self._connect())

    def _connect(self) -> socket.socket:
        host, port = self._target.query.get("host") or self._target.host, self._target.port or 5432
        assert isinstance(host, str)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        self._open += [client, server]
        with suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(1 << 16)
                    losing = self.lose if ready is client and b"COMMIT\0" in data else ""
                    if losing == "answer":
                        server.sendall(data)
                        server.recv(1 << 16)
                    if losing or not data:
                        self.lose = ""
                        client.close()
                        if losing != "client":
                            server.close()
                        return
                    (server if ready is client else client).sendall(data)

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    proxy = Proxy(make_url(postgres_url))
    yield proxy
    proxy.close()


@pytest.mark.parametrize("lease", [False, True])
def test_a_commit_whose_reply_is_lost_is_found(proxy: Proxy, lease: bool) -> None:
    with open_storage(proxy.url, lease=lease) as storage:
        storage.append([decision(1)], {})
        proxy.lose = "answer"
        storage.append([decision(2), reward(3, 2)], {b"a": b"A"})
        assert proxy.lose == ""
        assert list(storage.facts()) == [decision(1), decision(2), reward(3, 2)]
        if lease:  # what was kept was kept under the lease, which is gone now
            with pytest.raises(StoreUnavailable, match="lease was lost"):
                storage.append([decision(4)], {})
            storage.acquire()
        storage.append([decision(4)], {})


@pytest.mark.parametrize("lease", [False, True])
def test_a_commit_that_never_arrived_is_reported(proxy: Proxy, lease: bool) -> None:
    with open_storage(proxy.url, lease=lease) as storage:
        proxy.lose = "question"
        with pytest.raises(StoreUnavailable, match="stored"):
            storage.append([decision(1)], {b"a": b"A"})
        assert storage.head() == 0
        assert storage.action_sets([b"a"]) == {}
        if lease:
            storage.acquire()
        storage.append([decision(1)], {})


def test_a_commit_that_stays_open_is_reported_as_unknown(proxy: Proxy) -> None:
    with open_storage(proxy.url, timeout=0.2) as storage:
        proxy.lose = "client"
        with pytest.raises(StoreUnavailable, match="could not be asked"):
            storage.append([decision(1)], {})


def test_a_server_may_stop_and_start(postgres: Any, postgres_url: str) -> None:
    if not postgres.restarts:
        pytest.skip("the server is not ours to stop")
    with open_storage(postgres_url, timeout=1) as storage, open_storage(postgres_url, lease=True) as holder:
        holder.append([decision(1)], {})
        postgres.stop()
        try:
            for call in (storage.head, lambda: storage.append([decision(2)], {}), lambda: list(storage.facts())):
                with pytest.raises(StoreUnavailable, match=r"could not be reached|broke"):
                    call()
            with pytest.raises(StoreUnavailable, match="lease was lost"):
                holder.append([decision(2)], {})
        finally:
            postgres.start()
        assert list(storage.facts()) == [decision(1)]
        storage.append([decision(2)], {})
        assert list(storage.damaged_positions()) == []


def append_until(storage: Storage, end: int, taken: list[int]) -> None:
    """Append small groups beside other writers, renumbering them when another was faster."""
    while (head := storage.head()) < end:
        try:
            storage.append([decision(head + 1), decision(head + 2), reward(head + 3, head + 1)], {})
        except PositionTaken:
            taken.append(head)


def test_a_follower_beside_many_writers_skips_nothing(postgres_url: str) -> None:
    taken: list[int] = []
    stores = [open_storage(postgres_url) for _ in range(4)]
    try:
        follower, *writers = stores
        threads = [threading.Thread(target=append_until, args=(writer, 900, taken)) for writer in writers]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        while len(seen) < 900:
            seen += [fact.position for fact in follower.facts(len(seen))]
        for thread in threads:
            thread.join()
        assert seen == list(range(1, len(seen) + 1))
        assert taken  # they did get in each other's way
        assert list(follower.damaged_positions()) == []
    finally:
        for store in stores:
            store.close()
