"""What a killed server has lost of what it had committed is written again, if nobody else has written meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from croupier.runtime.unflushed import UnflushedGroups
from croupier_storage import Fact, Storage, reward_fact


@dataclass
class Server:
    """A log that can lose its end."""

    loss_window: float = 60.0
    log: list[Fact] = field(default_factory=list)
    sets: dict[bytes, bytes] = field(default_factory=dict)

    def head(self) -> int:
        return len(self.log)

    def append(self, facts: list[Fact], sets: dict[bytes, bytes]) -> None:
        self.log += facts
        self.sets |= sets

    def facts_at(self, positions: list[int]) -> dict[int, Fact]:
        return {position: self.log[position - 1] for position in positions if position <= len(self.log)}


def fact(position: int, at: float = 0.0) -> Fact:
    return reward_fact(position=position, at=at, decision=1, reward=1.0, key=None)


def written(window: float = 60.0, opened: int = 2) -> tuple[Server, UnflushedGroups]:
    """A server that held `opened` facts when five groups of three were committed after them."""
    server = Server(window, [fact(position) for position in range(1, opened + 1)])
    unflushed = UnflushedGroups(cast(Storage, server))
    for first in range(opened + 1, opened + 16, 3):
        group, sets = [fact(position) for position in range(first, first + 3)], {b"%d" % first: b"body"}
        server.append(group, sets)
        unflushed.retain(group, sets)
    return server, unflushed


@pytest.mark.parametrize("head", [2, 3, 5, 11, 16, 17])
def test_the_lost_end_is_written_again(head: int) -> None:
    server, unflushed = written()
    whole = list(server.log)
    del server.log[head:]
    server.sets.clear()
    unflushed.restore(17)
    assert server.log == whole
    if head < 17:
        assert len(server.sets) == 5


@pytest.mark.parametrize("other", [1, 2])
def test_what_another_writer_has_appended_stays(other: int) -> None:
    server, unflushed = written()
    del server.log[10:]
    server.append([fact(11 + k, at=9.0) for k in range(other)], {})
    found = list(server.log)
    unflushed.restore(17)
    assert server.log == found


def test_more_than_is_kept_is_not_written_in_part() -> None:
    server, unflushed = written()
    server.log.clear()  # also what was there when it was opened
    unflushed.restore(17)
    assert not server.log


def test_groups_are_kept_no_longer_than_they_can_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    server = Server(loss_window=2.0)
    unflushed = UnflushedGroups(cast(Storage, server))
    for position in (1, 2, 3):
        unflushed.retain([fact(position)], {})
        now += 1.6
    unflushed.restore(3)
    assert not server.log  # the first fact is not kept any more, and the others cannot stand without it
