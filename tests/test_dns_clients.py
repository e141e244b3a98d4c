"""Who may ask how often; the time is passed in."""

import ipaddress

import pytest

from shutterpost.dns_clients import (
    ANSWERS_A_SECOND,
    TCP_LIMIT,
    TCP_LIMIT_OF_ONE,
    Clients,
    Way,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def clients(clock: Clock) -> Clients:
    return Clients([ipaddress.ip_network("192.0.2.0/24")], clock)


def test_only_allowed_networks() -> None:
    some = clients(Clock())
    assert some.may_ask("192.0.2.1")
    assert not some.may_ask("192.0.3.1")
    assert not some.may_ask("2001:db8::1")


def test_so_many_answers_a_second() -> None:
    clock = Clock()
    some = clients(clock)
    assert [some.admits("192.0.2.1", Way.UDP) for _ in range(60)] == [True] * 50 + [False] * 10
    assert some.admits("192.0.2.2", Way.UDP)
    clock.now += 0.5
    assert sum(some.admits("192.0.2.1", Way.UDP) for _ in range(60)) == ANSWERS_A_SECOND // 2
    clock.now += 100
    assert sum(some.admits("192.0.2.1", Way.UDP) for _ in range(60)) == ANSWERS_A_SECOND


def test_forged_packets_do_not_use_up_the_other_ways() -> None:
    some = clients(Clock())
    while some.admits("192.0.2.1", Way.UDP):
        pass
    assert some.admits("192.0.2.1", Way.COOKIE)
    assert some.turn("192.0.2.1") == 0


def test_by_tcp_everyone_has_a_turn() -> None:
    clock = Clock()
    some = clients(clock)
    turns = [some.turn("192.0.2.1") for _ in range(52)]
    assert turns[:50] == [0] * 50
    assert turns[50:] == pytest.approx([0.02, 0.04])
    clock.now += 0.04
    assert some.turn("192.0.2.1") == pytest.approx(0.02)


def test_connections_are_bounded_in_all_and_for_one_address() -> None:
    some = clients(Clock())
    room = []
    held = []
    for number in range(TCP_LIMIT + 20):
        connection = some.connection(f"192.0.2.{number // (TCP_LIMIT_OF_ONE + 2)}")
        room.append(connection.__enter__())
        held.append(connection)
    assert room[:12] == [True] * TCP_LIMIT_OF_ONE + [False] * 2
    assert sum(room) <= TCP_LIMIT
    assert not room[-1]
    for connection in held:
        connection.__exit__(None, None, None)
    with some.connection("192.0.2.0") as has_room:
        assert has_room
