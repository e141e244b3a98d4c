"""Replies, composed in one piece."""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    The envelope is the one that real cameras accept from the reference server (proven):
    a reason phrase, HTTP/1.1 to every version, Title-Case names, a Content-Length.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    fields: tuple[tuple[str, str], ...] = ()

    def encode(self, head_only: bool = False) -> bytes:
        """The whole reply in one piece, for one TCP segment; for HEAD without the body."""
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n"
        )
        for name, value in self.fields:
            if "\r" in value or "\n" in value:
                raise ValueError(f"a line break in the reply's {name}")
            head += f"{name}: {value}\r\n"
        encoded = (head + "Connection: close\r\n\r\n").encode("latin-1")
        return encoded if head_only else encoded + self.body
