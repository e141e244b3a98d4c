"""One request and its reply, over a connection of its own."""

import select
import socket
from collections.abc import Iterable
from typing import Protocol

TIMEOUT = 60.0
"""Seconds that the server has for each step."""

_PIECE = 64 * 1024
_REPLY_LIMIT = 64 * 1024


class NotSent(Exception):
    """The camera shows an error; the message says what the server answered."""


class Progress(Protocol):
    """Called with the number of bytes that went out since the last call."""

    def __call__(self, sent: int, /) -> object:  # noqa: D102
        ...


class Answer:
    """A reply, read as sloppily as a camera does."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(words) < 2 or not words[1].isdigit():
            raise NotSent(f"the answer is not HTTP: {raw[:80]!r}")
        self.head = head
        self.status = int(words[1])

    def __str__(self) -> str:
        said = self.body.decode("utf-8", "replace").strip()
        return f"{self.status}: {said or 'nothing'}"


def nothing(sent: int, /) -> None:
    """No progress is shown."""


def exchange(
    to: tuple[str, int], head: str, body: Iterable[bytes] = (), progress: Progress = nothing
) -> Answer:
    """Send a request and read the reply to its end. Raises NotSent."""
    try:
        with socket.create_connection(to, TIMEOUT) as sock:
            sock.sendall(head.encode())
            for piece in body:
                if select.select([sock], [], [], 0)[0]:  # an answer before the end: a refusal
                    break
                sock.sendall(piece)
                progress(len(piece))
            return Answer(_read_reply(sock))
    except ConnectionRefusedError:
        why = "is `shutterpost serve` running?"
        raise NotSent(f"nobody answers at {to[0]}:{to[1]}: {why}") from None
    except TimeoutError:
        raise NotSent(f"no answer within {TIMEOUT:.0f} seconds") from None
    except OSError as error:
        raise NotSent(f"{to[0]}:{to[1]}: {error.strerror or error}") from None


def _read_reply(sock: socket.socket) -> bytes:
    reply = b""
    while len(reply) < _REPLY_LIMIT and (piece := sock.recv(_PIECE)):
        reply += piece
    return reply
