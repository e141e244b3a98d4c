"""A request's body in its framing: as long as the head said, or chunked.

Promises the same bytes for every split of the input, and that what is cut short is never
complete.
"""

import re
from collections.abc import Iterator

from shutterpost.wire.http import Refused

_CHUNK_LINE_LIMIT = 1024
_TRAILER_LIMIT = 16 * 1024
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class SizedBody:
    """A body whose length the head gave."""

    def __init__(self, length: int) -> None:
        self.missing: int = length
        """Bytes still to come."""
        self.quirks: set[str] = set()

    @property
    def complete(self) -> bool:
        """Whether the last byte was fed."""
        return self.missing == 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the body's bytes in `data`; bytes after its end are dropped."""
        if len(data) > self.missing:
            data = data[: self.missing]
        self.missing -= len(data)
        if data:
            yield data


class ChunkedBody:
    """A body in the chunked transfer coding."""

    missing: int | None = None

    def __init__(self) -> None:
        self.complete = False
        self.quirks: set[str] = set()
        self._line = bytearray()  # a size line or trailer that has not ended yet
        self._chunk = 0  # bytes left in the current chunk
        self._after_data = False  # the line to come ends a chunk's data
        self._trailer: int | None = None  # bytes of trailer so far

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the body's bytes in `data`. Raises Refused (400) if it is not chunked."""
        position = 0
        while position < len(data) and not self.complete:
            if self._chunk:
                piece = data[position : position + self._chunk]
                self._chunk -= len(piece)
                position += len(piece)
                self._after_data = self._chunk == 0
                yield piece
                continue
            newline = data.find(b"\n", position)
            stop = newline + 1 if newline >= 0 else len(data)
            self._line += data[position:stop]
            position = stop
            if len(self._line) > _CHUNK_LINE_LIMIT:
                raise Refused(400, "a line of the chunked body is too long")
            if newline >= 0:
                self._end_line()

    def _end_line(self) -> None:
        if not self._line.endswith(b"\r\n"):
            self.quirks.add("bare-lf")
        line = bytes(self._line).removesuffix(b"\n").removesuffix(b"\r")
        self._line.clear()
        if self._after_data:
            if line:
                raise Refused(400, "a chunk is longer than it said")
            self._after_data = False
        elif self._trailer is not None:
            self._trailer += len(line) + 2
            if self._trailer > _TRAILER_LIMIT:
                raise Refused(400, "the trailer of the chunked body is too long")
            self.complete = not line
        else:
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise Refused(400, "a chunk's size is not a hexadecimal number")
            self._chunk = int(size[1], 16)
            if self._chunk == 0:
                self._trailer = 0
