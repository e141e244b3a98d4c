"""Replies, composed in one piece."""

from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

SERVER = "Shutterpost"
"""What this server calls itself, but where a camera looks for another name."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    The envelope is the one that real cameras accept from the reference server (proven):
    a reason phrase, HTTP/1.1 to every version, Title-Case names, a Content-Length, and
    `Server` and `Date` before all others.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    fields: tuple[tuple[str, str], ...] = ()

    def encode(self, now: float, head_only: bool = False) -> bytes:
        """The whole reply in one piece, for one TCP segment; for HEAD without the body.

        `now` is in seconds since 1970. Raises ValueError for a line break in a field.
        """
        own_server = next((value for name, value in self.fields if name == "Server"), SERVER)
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Server: {own_server}\r\n"
            f"Date: {formatdate(now, usegmt=True)}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n"
        )
        for name, value in self.fields:
            if "\r" in value or "\n" in value:
                raise ValueError(f"a line break in the reply's {name}")
            if name != "Server":
                head += f"{name}: {value}\r\n"
        encoded = (head + "Connection: close\r\n\r\n").encode("latin-1")
        return encoded if head_only else encoded + self.body
