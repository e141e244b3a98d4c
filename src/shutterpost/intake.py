"""A camera's e-mail on its way in: body bytes to a message and files in the spool.

Blocking: the gateway feeds it in worker threads. The message comes first (capture), so
that a sender who may not send is refused before a photo is read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shutterpost.camera.email import MESSAGE_LIMIT, Message, read_message
from shutterpost.camera.files import media_type, safe_name
from shutterpost.disk import Room
from shutterpost.limits import Holding
from shutterpost.spool.files import Files, Incoming, Kept
from shutterpost.wire.http import Refused
from shutterpost.wire.multipart import Data, Event, Multipart, Part, PartEnd

PHOTO_LIMIT = 1000
"""The most files of one e-mail."""


def require_bytes(size: int, name: str) -> None:
    """Raises Refused (400) for a file without a byte: it is no photo, and nothing to keep."""
    if not size:
        raise Refused(400, f"{name} is empty: the camera sent no byte of it")


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole e-mail: its message, and its files (name, media type, file) on disk."""

    message: Message
    photos: tuple[tuple[str, str, Kept], ...]


class EmailIntake:
    """Takes one e-mail's body. Call `finish` after its last byte, or `discard`."""

    def __init__(
        self,
        boundary: bytes,
        files: Files,
        room: Room,
        holding: Holding,
        max_upload: int,
        accept: Callable[[Message], None],
    ) -> None:
        """`accept` is given the message as soon as it is read, and may raise Refused."""
        self._multipart = Multipart(boundary)
        self._files = files
        self._room = room
        self._holding = holding
        self._max_upload = max_upload
        self._accept = accept
        self._message: Message | None = None
        self._message_data: bytearray | None = None
        self._arrived: list[tuple[str, str, Incoming]] = []
        self._into: Incoming | None = None
        self.quirks: set[str] = self._multipart.quirks
        self.size = 0
        """Bytes of all photos so far."""
        self.name = ""
        """The file that is arriving."""

    def feed(self, data: bytes) -> None:
        """Take more of the body. Raises Refused, or OSError from the disk."""
        for event in self._multipart.feed(data):
            self._take(event)

    def finish(self) -> Letter:
        """The body is complete: have the disk hold its files. Raises Refused, OSError."""
        for event in self._multipart.end():
            self._take(event)
        if self._message is None:
            raise Refused(400, "the e-mail has no message")
        if not self._arrived:
            raise Refused(400, "the e-mail has no photo")
        photos = tuple((name, kind, file.keep()) for name, kind, file in self._arrived)
        self._files.sync_names()
        if any(kept.cut for _, _, kept in photos):
            self.quirks.add("cut-photo")
        return Letter(self._message, photos)

    def release(self) -> None:
        """The files belong to a shipment now: `discard` leaves them alone."""
        self._arrived.clear()

    def discard(self) -> None:
        """Remove every file of this e-mail."""
        for _, _, file in self._arrived:
            file.discard()

    def _take(self, event: Event) -> None:
        if isinstance(event, Part):
            self._begin(event)
        elif isinstance(event, Data):
            self._add(event.data)
        elif isinstance(event, PartEnd):
            self._end()

    def _begin(self, part: Part) -> None:
        name = part.parameter("name")
        file_name = part.parameter("filename")
        if name == "message" and self._message is None:
            self._message_data = bytearray()
        elif name == "binary" or (file_name and name != "message"):
            if self._message is None:
                # Nobody has said yet whose it is: a stranger may not fill the disk.
                raise Refused(400, "a photo came before the e-mail's message")
            if len(self._arrived) == PHOTO_LIMIT:
                raise Refused(413, f"over {PHOTO_LIMIT} files in one e-mail")
            self.name = safe = safe_name(file_name)
            self._into = self._files.receive()
            self._arrived.append((safe, media_type(safe, part.media_type), self._into))

    def _add(self, data: bytes) -> None:
        if self._into is not None:
            if self._into.size + len(data) > self._max_upload:
                raise Refused(413, f"a file is over the limit of {self._max_upload} bytes")
            self._room.take(len(data))
            self._into.write(data)
            self.size += len(data)
        elif self._message_data is not None:
            if len(self._message_data) + len(data) > MESSAGE_LIMIT:
                raise Refused(413, f"the e-mail's message is over {MESSAGE_LIMIT} bytes")
            self._holding.add(len(data))
            self._message_data += data

    def _end(self) -> None:
        if self._message_data is not None:
            self._message = read_message(bytes(self._message_data), self.quirks)
            self._message_data = None
            self._accept(self._message)
        elif self._into is not None:
            require_bytes(self._into.size, self.name)
            self._into.end()
        self._into = None
