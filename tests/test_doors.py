"""The camera door with handlers of the test's own: who is let in, who must leave."""

import asyncio
import errno
import logging
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from shutterpost.config.values import PRIVATE, Address
from shutterpost.connection import DRAIN_LIMIT, FAREWELL_LIMIT, Body
from shutterpost.doors import Answer, CameraDoor
from shutterpost.quirks import Sightings
from shutterpost.wire.http import Refused, Request
from shutterpost.wire.reply import Reply
from tests.support import Answer as Got
from tests.support import ask, eventually, receive

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Running:
    """A door on an event loop of its own."""

    def __init__(self, answer: Answer, options: dict[str, Any]) -> None:
        self.sightings = Sightings()
        options = {"allow": PRIVATE, "idle_timeout": 20.0, **options}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.door = CameraDoor(answer, self._noted, **options)
        self.port = self.run(self._open()).port

    def _noted(self, client: str, quirks: Iterable[str]) -> None:
        self.sightings.count(quirks)

    async def _open(self) -> Address:
        return self.door.open(Address("127.0.0.1", 0))

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self.run(self.door.close(0.0))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def connect(self, data: bytes = b"") -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), 20)
        sock.sendall(data)
        return sock


Open = Callable[..., Running]


@pytest.fixture
def open_door() -> Iterator[Open]:
    opened: list[Running] = []

    def start(answer: Answer, **options: Any) -> Running:
        opened.append(Running(answer, options))
        return opened[-1]

    yield start
    for running in opened:
        running.close()


async def hello(request: Request, body: Body, client: str) -> Reply:
    return Reply(200, b"hello")


async def swallow(request: Request, body: Body, client: str) -> Reply:
    size = 0
    async for piece in body:
        size += len(piece)
    return Reply(200, str(size).encode())


def test_a_head_that_takes_too_long_is_told(open_door: Open) -> None:
    with open_door(hello, head_timeout=0.1).connect(b"GET / HTTP/1.1\r\n") as sock:
        assert receive(sock).status == 408


def test_a_connection_that_says_nothing_is_closed_without_a_word(open_door: Open) -> None:
    door = open_door(hello)
    with door.connect() as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""


def test_when_all_places_are_taken_the_slowest_makes_room(open_door: Open) -> None:
    door = open_door(swallow, limit=4)
    upload = b"PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
    fast = door.connect(upload + bytes(90_000))
    slow = [door.connect(upload + b"x") for _ in range(3)]
    eventually(lambda: len(door.door._connections) == 4)
    newcomers = [door.connect(upload + bytes(9_000)) for _ in range(3)]
    evicted = [receive(sock) for sock in slow]
    assert [answer.status for answer in evicted] == [503] * 3
    assert b"too many connections" in evicted[0].body
    fast.sendall(bytes(10_000))
    assert receive(fast).body == b"100000"
    for sock in (fast, *slow, *newcomers):
        sock.close()


def test_a_request_that_is_being_answered_keeps_its_place(open_door: Open) -> None:
    release = threading.Event()

    async def slow_answer(request: Request, body: Body, client: str) -> Reply:
        await asyncio.to_thread(release.wait, 20)
        return Reply(200, b"done")

    door = open_door(slow_answer, limit=2)
    busy = [door.connect(GET) for _ in range(2)]
    eventually(lambda: sum(c.request_complete for c in door.door._connections) == 2)
    with door.connect() as newcomer:
        assert receive(newcomer).status == 503
    release.set()
    assert [receive(sock).body for sock in busy] == [b"done"] * 2
    for sock in busy:
        sock.close()


def test_a_client_that_got_its_answer_and_does_not_close_takes_no_place(open_door: Open) -> None:
    door = open_door(swallow, limit=1)
    answered = door.connect(GET)
    assert receive(answered).status == 200
    waiting = door.connect(b"PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx")
    eventually(lambda: len(door.door._connections) == 1)
    waiting.sendall(b"y")
    assert receive(waiting).body == b"2"
    answered.close()
    waiting.close()


def test_of_those_who_do_not_close_the_first_have_to_leave(open_door: Open) -> None:
    door = open_door(swallow)
    answered = [door.connect(GET) for _ in range(FAREWELL_LIMIT + 10)]
    for sock in answered:
        assert receive(sock).status == 200
    assert len(door.door._farewells) == FAREWELL_LIMIT
    for sock in answered:
        sock.close()
    eventually(lambda: len(door.door._farewells) == 0)


def test_many_tiny_chunks_are_taken_together(open_door: Open) -> None:
    taken: list[bytes] = []

    async def pour(request: Request, body: Body, client: str) -> Reply:
        sizes = [size async for size in body.pour(taken.append)]
        return Reply(200, b"%d" % sum(sizes))

    door = open_door(pour)
    chunked = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"1\r\n%c\r\n" % (97 + n % 26) for n in range(100_000))
    answer = ask(door.port, chunked + chunks + b"0\r\n\r\n")
    assert answer.body == b"100000"
    assert b"".join(taken) == bytes(97 + n % 26 for n in range(100_000))
    assert len(taken) < 5000


def test_what_comes_after_a_whole_request_does_not_cost_the_reply(open_door: Open) -> None:
    door = open_door(swallow)
    with door.connect(GET) as sock:
        assert select.select([sock], [], [], 20)[0]  # the reply is there, and unread
        for _ in range(3):
            sock.sendall(b"\r\n" * 1000)
        assert receive(sock).status == 200


def test_our_own_error_is_told_to_the_camera_without_its_cause(
    open_door: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request, body: Body, client: str) -> Reply:
        raise ZeroDivisionError("hunter2")

    answer = ask(open_door(broken).port, GET)
    assert answer.status == 500
    assert b"hunter2" not in answer.raw
    assert "ZeroDivisionError" in caplog.text


_PASSING = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENOMEM, errno.EBADMSG)


@pytest.mark.parametrize(
    ("number", "status"), [(number, 503) for number in _PASSING] + [(errno.EISDIR, 500)]
)
def test_trouble_with_the_disk(open_door: Open, number: int, status: int) -> None:
    async def broken(request: Request, body: Body, client: str) -> Reply:
        raise OSError(number, "trouble")

    assert ask(open_door(broken).port, GET).status == status


def test_quirks_are_counted(open_door: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    door = open_door(hello)
    ask(door.port, b"GET /  HTTP/1.1\n\n")
    ask(door.port, b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n")
    expected = {"request-line-whitespace": 2, "bare-lf": 1, "no-host": 1}
    # They are counted after the reply has left.
    eventually(lambda: {k: n for k, n in door.sightings.counts().items() if n} == expected)


def test_bytes_after_the_request_do_not_hurt(open_door: Open) -> None:
    door = open_door(swallow)
    assert ask(door.port, b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx\r\n" + GET).body == b"1"


def test_ipv6_clients_are_known_by_their_address(open_door: Open) -> None:
    clients = []

    async def remember(request: Request, body: Body, client: str) -> Reply:
        clients.append(client)
        return Reply(200)

    door = open_door(remember)
    door.run(_listen_everywhere(door))
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, door.port), 20) as sock:
            sock.sendall(GET)
            assert Got(receive(sock).raw).status == 200
    assert clients == ["127.0.0.1", "::1"]


async def _listen_everywhere(door: Running) -> None:
    await door.door.close(0.0)
    door.port = door.door.open(Address("::", 0)).port


async def refuse(request: Request, body: Body, client: str) -> Reply:
    raise Refused(503, "the disk is nearly full")


def _announced(size: int) -> bytes:
    return b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size


def test_a_client_that_sends_all_before_it_reads_sees_the_refusal(open_door: Open) -> None:
    size = DRAIN_LIMIT + 20_000_000
    with open_door(refuse).connect(_announced(size)) as sock:
        for _ in range(size // 1_000_000):
            sock.sendall(bytes(1_000_000))
        sock.sendall(bytes(size % 1_000_000))
        assert receive(sock).status == 503


def test_a_chunked_body_is_drained_to_its_end(open_door: Open) -> None:
    head = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    door = open_door(refuse)
    with door.connect(head) as sock:
        for _ in range(DRAIN_LIMIT // 1_000_000 + 20):
            sock.sendall(b"f4240\r\n" + bytes(1_000_000) + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        assert receive(sock).status == 503
        # Its request is complete: it takes no place among the connections any more.
        eventually(lambda: not door.door._connections)


def test_a_refused_upload_has_the_clients_pace_but_may_not_pause(open_door: Open) -> None:
    door = open_door(refuse, idle_timeout=0.5)
    with door.connect(_announced(1000)) as sock:
        for _ in range(8):  # longer in all than the timeout
            sock.sendall(b"x")
            assert select.select([], [], [sock], 0.1) == ([], [], [])
        assert door.door._connections
        eventually(lambda: not door.door._connections)  # it paused: closed
        assert receive(sock).status == 503


def test_a_refused_body_that_cannot_be_read_is_closed_within_bounds(open_door: Open) -> None:
    head = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"
    door = open_door(refuse)
    with door.connect(head) as sock:
        assert receive(sock).status == 503
    eventually(lambda: not door.door._connections)


def test_who_drains_makes_room_for_cameras(open_door: Open) -> None:
    door = open_door(refuse, limit=2)
    refused = [door.connect(_announced(1000)) for _ in range(2)]
    assert [receive(sock).status for sock in refused] == [503, 503]
    assert len(door.door._connections) == 2
    with door.connect(GET) as sock:
        assert b"nearly full" in receive(sock).body
    for sock in refused:
        sock.close()


def test_one_too_many_sees_why_though_it_sends_much(open_door: Open) -> None:
    release = threading.Event()

    async def busy(request: Request, body: Body, client: str) -> Reply:
        await asyncio.to_thread(release.wait, 20)
        return Reply(200)

    door = open_door(busy, limit=1)
    first = door.connect(GET)
    eventually(lambda: [c.request_complete for c in door.door._connections] == [True])
    with door.connect(_announced(5_000_000)) as sock:
        for _ in range(50):
            sock.sendall(bytes(100_000))
        assert receive(sock).status == 503
    release.set()
    assert receive(first).status == 200
    first.close()


def test_an_unreadable_head_is_told_after_its_reply(open_door: Open) -> None:
    told: list[tuple[bytes, str]] = []

    async def keep(head: bytes, client: str) -> None:
        told.append((head, client))
        raise OSError(errno.ENOSPC, "no space")

    door = open_door(hello, on_unreadable=keep)
    assert ask(door.port, b"BREW / HTTP/1.1\r\n\r\nmore").status == 405
    assert ask(door.port, GET).status == 200
    assert told == [(b"BREW / HTTP/1.1\r\n\r\nmore", "127.0.0.1")]
    elsewhere = open_door(hello, on_unreadable=keep, allow=())
    assert ask(elsewhere.port, b"BREW / HTTP/1.1\r\n\r\n").status == 405
    assert len(told) == 1
