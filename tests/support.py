"""What many tests need: recordings, tools that may be missing, waiting, being a client."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

RECORDINGS = Path(__file__).parent / "recordings"
PHOTO = (RECORDINGS / "SAM_4371.JPG").read_bytes()
BOUNDARY = b"---------------------------7d93b9550d4a"
DEADLINE = 20.0


def recording(name: str) -> bytes:
    """The bytes of one captured request."""
    return (RECORDINGS / f"{name}.http").read_bytes()


def reply_body(name: str) -> bytes:
    """The body of one proven reply."""
    return (RECORDINGS / "replies" / f"{name}.xml").read_bytes()


def need(tool: str, why: str = "") -> str:
    """The path of a tool; without it the test is skipped here, and fails in CI."""
    path = shutil.which(tool)
    return path or _missing(f"{tool} is not installed{why and ': ' + why}")


def need_root() -> None:
    """Only root can do what follows."""
    if os.geteuid() != 0:
        _missing("only root can look at packets and make namespaces")


def _missing(reason: str) -> str:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def eventually(probe: Callable[[], T], deadline: float = DEADLINE) -> T:
    """Poll until `probe` returns something true, and return that."""
    end = time.monotonic() + deadline
    while True:
        if found := probe():
            return found
        assert time.monotonic() < end, f"nothing came of it within {deadline} seconds"
        time.sleep(0.02)


def splits(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every way to cut `data` in two."""
    for position in range(len(data) + 1):
        yield data[:position], data[position:]


def one_by_one(data: bytes) -> list[bytes]:
    """`data` in pieces of one byte."""
    return [data[position : position + 1] for position in range(len(data))]


@dataclass(frozen=True)
class Answer:
    """A server's answer, as a plain client sees it."""

    raw: bytes

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


def receive(sock: socket.socket) -> Answer:
    """Everything until the server closes."""
    raw = b""
    while piece := sock.recv(65536):
        raw += piece
    return Answer(raw)


def ask(port: int, data: bytes, close_sending: bool = False, timeout: float = DEADLINE) -> Answer:
    """Send bytes down a connection of their own and take the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        sock.sendall(data)
        if close_sending:
            sock.shutdown(socket.SHUT_WR)
        return receive(sock)


def email_body(
    *photos: tuple[str, bytes],
    sender: str = "Camera@samsungcamera.com",
    receivers: tuple[str, ...] = ("photos@example.org",),
    text: str = "Sent from Samsung Camera.",
    subject: str = "[Samsung Smart Camera] sent you files.",
    end: bytes = b"\r\n--" + BOUNDARY + b"\r\n",
) -> bytes:
    """A multipart body like the NX300's."""
    listed = "".join(f"<receiver>{receiver}</receiver>" for receiver in receivers)
    message = (
        f'<?xml version="1.0" encoding="UTF-8"?>\r\n<email><sender>{sender}</sender>'
        f"<receiverList>{listed}\r\n</receiverList><title><![CDATA[{subject}]]></title>\r\n"
        f"<body><![CDATA[{text}\r\nlanguage_sh100_utf8]]></body></email>"
    )
    body = (
        b"--" + BOUNDARY + b'\r\ncontent-disposition: form-data; name="message"; '
        b'fileName="sample.txt"\r\ncontent-Type: multipart/form-data;\r\n\r\n' + message.encode()
    )
    for name, data in photos:
        body += (
            b"\r\n--"
            + BOUNDARY
            + b'\r\ncontent-disposition: form-data; name="binary"; fileName="'
            + name.encode()
            + b'"\r\ncontent-Type: image/jpeg;\r\n\r\n'
            + data
        )
    return body + end


def email_request(body: bytes, length: int | None = None, extra: str = "") -> bytes:
    """An e-mail request like the NX300's around a body."""
    head = (
        "POST /social/columbus/email?DUID=123456789033  HTTP/1.0\r\n"
        "User-Agent: sdeClient\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n"
        f"Host: www.ospserver.net\r\n{extra}"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body
