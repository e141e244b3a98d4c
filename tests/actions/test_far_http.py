"""Far ends by HTTP: whatever they answer is bounded in bytes, in time and in meaning."""

import asyncio
import gzip
import math
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.actions import MisconfiguredError, TemporaryError
from shutterpost.actions.far_http import ANSWER_LIMIT, Answer, Server, retry_after

Start = Callable[..., str]


@pytest.fixture
def far_end() -> Iterator[Start]:
    """A server that sends these bytes to whoever asks, and these again and again after."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(first: bytes, endless: bytes = b"", pause: float = 0.0) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            try:
                peer, _ = listener.accept()
            except OSError:  # nobody asked
                return
            with peer:
                try:
                    peer.recv(65536)
                    peer.sendall(first)
                    while endless:
                        peer.sendall(endless)
                        time.sleep(pause)  # it is a slow server
                except OSError:
                    return  # it was let go, as it should be

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def ask(url: str, limit: float = 60.0, size: int = 0) -> Answer:
    async def main() -> Answer:
        async with Server(url, ssl.create_default_context(), limit=limit) as server:
            return await server.ask("GET", "/", size=size)

    return asyncio.run(main())


def head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode()


def test_an_answer_without_an_end_is_cut(far_end: Start) -> None:
    url = far_end(head("Content-Type: application/json"), b"x" * 65536)
    tracemalloc.start()
    answer = ask(url)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.body == b"x" * ANSWER_LIMIT
    assert most < 8 * ANSWER_LIMIT


@pytest.mark.parametrize("packing", ["gzip", "deflate", "x-gzip", "br", "zstd"])
def test_a_compressed_bomb_is_cut(far_end: Start, packing: str) -> None:
    pack = gzip.compress if "gzip" in packing else zlib.compress
    bomb = pack(b"0" * (64 << 20))
    url = far_end(head(f"Content-Encoding: {packing}", f"Content-Length: {len(bomb)}") + bomb)
    tracemalloc.start()
    answer = ask(url)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(answer.body) <= ANSWER_LIMIT
    assert most < 8 * ANSWER_LIMIT


@pytest.mark.parametrize("packing", ["gzip", "deflate", "identity"])
def test_a_compressed_answer_is_read(far_end: Start, packing: str) -> None:
    plain = b'{"id": "1"}'
    body = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain)}.get(packing, plain)
    url = far_end(head(f"Content-Encoding: {packing}", f"Content-Length: {len(body)}") + body)
    assert ask(url).json() == {"id": "1"}


def test_a_head_without_an_end_is_given_up(far_end: Start) -> None:
    with pytest.raises(TemporaryError, match="cannot be reached"):
        ask(far_end(b"HTTP/1.1 200 OK\r\n", b"X-Name: value\r\n" * 1000))


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nX-A: ", head("Content-Type: x/y")])
@pytest.mark.parametrize("size", [0, 1000])
def test_an_answer_byte_by_byte_is_given_up(far_end: Start, begun: bytes, size: int) -> None:
    """Each byte comes in time; the whole does not, whether or not a file went out before."""
    with pytest.raises(TemporaryError, match="cannot be reached: TimeoutError"):
        ask(far_end(begun, b"x", 0.01), 0.3, size)


def test_what_is_no_address_is_a_matter_of_configuration() -> None:
    with pytest.raises(MisconfiguredError, match="is no address of a server"):
        ask("http://127.0.0.1:1/\x00")


@given(st.binary(max_size=300), st.sampled_from(["text/html", "application/json", "", "x"]))
def test_why_is_always_one_short_line(body: bytes, kind: str) -> None:
    why = Answer(500, {"content-type": kind}, body).why()
    assert len(why.encode()) <= 200
    assert why.isprintable()


def test_a_page_for_people_is_told_by_its_title() -> None:
    html = {"content-type": "text/html"}
    page = b"<!DOCTYPE html><html><title lang=de>Wartung</title><p>Bald zur\xc3\xbcck</p>"
    assert Answer(503, html, page).why() == "Wartung"
    assert Answer(503, html, b"<p>nothing").why() == ""
    assert Answer(503, html, b"<title" * 100_000).why() == ""


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset", "date"]),
        st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(str),
    )
)
def test_whatever_a_server_wishes_is_seconds_or_nothing(headers: dict[str, str]) -> None:
    found = retry_after(headers, 1e9)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "9" * 400}, math.inf),
        ({"retry-after": "\u00b2"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"retry-after": "Fri, 01 Jan 0001 00:00:00 -0000"}, 0.0),
        ({"x-ratelimit-reset": "0001-01-01T00:00:00+14:00"}, 0.0),
        ({"x-ratelimit-reset": "1000000060"}, 60.0),
        ({"x-ratelimit-reset": "2001-09-09T01:47:40.000Z"}, 60.0),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"retry-after": "soon", "x-ratelimit-reset": "1000000060"}, 60.0),
        ({}, None),
    ],
)
def test_wishes(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers, 1e9) == wait


def test_dates_count_from_the_servers_own_clock() -> None:
    """A Raspberry Pi without a clock starts in 1970."""
    said = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
    headers = {
        "date": "Wed, 25 Nov 2026 12:00:00 GMT",
        "x-ratelimit-reset": said.replace(minute=5).isoformat(),
    }
    for now in (0.0, 1e9, 4e9):
        assert retry_after(headers, now) == 300.0
