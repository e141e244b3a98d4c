"""What those may hold who are not known yet, and all uploads together: memory, files, room."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from shutterpost.limits import HELD_FREE, HELD_LIMIT, Held
from shutterpost.wire.http import Refused
from tests.conftest import Server, StartServer
from tests.support import (
    Answer,
    email_body,
    email_request,
    eventually,
    receive,
    recording,
    reply_body,
)
from tests.test_disk import Mount, mount, start
from tests.test_social import Phone

__all__ = ["mount"]  # a fixture

SUCCESS = reply_body("status-succ")
KNOWN = 'senders = ["Camera@samsungcamera.com"]\n'
STRANGER = "stranger@example.org"


def chunked(body: bytes) -> bytes:
    head = email_request(b"", extra="Transfer-Encoding: chunked\r\n")
    head = head.replace(b"Content-Length: 0\r\n", b"").replace(b"HTTP/1.0", b"HTTP/1.1")
    return head + b"%x\r\n%s\r\n" % (len(body), body)


def put(server: Server, name: str) -> bytes:
    """Log in; the head of an upload without a length."""
    key = Phone(server, user="Camera@samsungcamera.com").key
    return f"PUT /upload/{key}/{name} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def test_an_e_mail_of_many_photos_holds_one_descriptor(server: Server) -> None:
    before = descriptors(server)
    body = email_body(*[(f"{number}.JPG", b"%d" % number) for number in range(990)])
    with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
        sock.sendall(email_request(body)[:-10])
        eventually(lambda: len(server.spooled()) == 990)
        assert descriptors(server) < before + 20
        sock.sendall(email_request(body)[-10:])
        assert receive(sock).body == SUCCESS


def test_what_is_held_for_strangers_is_bounded_for_all_together() -> None:
    held = Held()
    with held.request() as one, held.request() as other:
        one.add(HELD_LIMIT + HELD_FREE)
        other.add(HELD_FREE)  # a camera's message
        with pytest.raises(Refused) as refused:
            other.add(1)
        assert refused.value.status == 503
        one.release()
        other.add(HELD_LIMIT)
    with held.request() as again:
        again.add(HELD_LIMIT + HELD_FREE)


@pytest.mark.parametrize(
    "path", ["/facebook/auth", "/facebook/photo", "/nobody/knows", "message", "e-mail"]
)
def test_unfinished_requests_of_strangers_take_bounded_memory(server: Server, path: str) -> None:
    """900 x 250 KB were 225 MB; a camera comes through meanwhile."""
    before = server.memory("VmRSS")
    request = f"POST {path} HTTP/1.1\r\nContent-Length: 256000\r\n\r\n".encode() + bytes(255_000)
    if not path.startswith("/"):
        body = email_body(text="x" * 250_000)
        request = email_request(body[:-200] if path == "message" else body, length=len(body) + 5000)
    with ExitStack() as stack:
        for _ in range(900):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
            with suppress(ConnectionError):  # refused before it had said all
                sock.sendall(request)
        assert server.ask(recording("email-nx300")).body == SUCCESS
        assert server.memory("VmHWM") < before + 150


@pytest.fixture
def small(start_server: StartServer, mount: Mount) -> Iterator[tuple[Server, Path]]:
    """A server on a disk of 60 MiB, of which 20 MiB are to stay free."""
    yield start(start_server, mount, "60m", "20 MiB")


@pytest.mark.parametrize("way", ["email", "put"])
def test_uploads_of_unknown_length_never_take_what_is_to_stay_free(
    small: tuple[Server, Path], way: str
) -> None:
    server, disk = small
    incoming = disk / "data" / "spool" / "incoming"

    def send(number: int) -> Answer:
        head = b"" if way == "email" else put(server, f"{number}.JPG")
        with socket.create_connection(("127.0.0.1", server.port), 60) as sock:
            with suppress(ConnectionError):  # refused
                if way == "email":
                    sock.sendall(chunked(email_body((f"{number}.JPG", b"%d" % number), end=b"")))
                else:
                    sock.sendall(head)
                for _ in range(80):
                    sock.sendall(b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20)))
                    assert free(disk) >= 20 << 20
            return receive(sock)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(12)))
    assert {answer.status for answer in answers if answer.raw} == {503}
    eventually(lambda: not list(incoming.iterdir()))
    assert server.ask(recording("email-nx300")).body == SUCCESS
    assert "Traceback" not in server.output


def test_one_large_number_keeps_nobody_out(small: tuple[Server, Path]) -> None:
    """What is announced holds no room: 30 MiB of 40 fit once, and are announced ten times."""
    server, _ = small
    body = email_body(("A.MP4", b"x"), end=b"")
    with ExitStack() as stack:
        for _ in range(10):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
            sock.sendall(email_request(body, length=30 << 20))
        assert server.ask(email_request(email_body(("B.JPG", bytes(5 << 20))))).body == SUCCESS
