"""What is fuzzed.

Each target reads bytes in two ways, which must agree, and raises nothing but the errors
that the code promises.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import dns.flags
import dns.message
from tests.growth import READERS, REPEATED, grows_slowly, pieces

from shutterpost.camera import crypt, sns
from shutterpost.camera.email import read_message
from shutterpost.camera.files import media_type, safe_name
from shutterpost.camera.models import HOSTS
from shutterpost.gateway.unknown import unreadable
from shutterpost.images import jpeg, png
from shutterpost.images.details import details
from shutterpost.images.ending import lacks_end
from shutterpost.images.exif import read_exif
from shutterpost.quirks import QUIRKS
from shutterpost.wire.body import ChunkedBody
from shutterpost.wire.dns import Answer, Responder, read
from shutterpost.wire.http import HeadReader, Refused, Request
from shutterpost.wire.multipart import Data, Multipart, Part, PartEnd
from shutterpost.wire.text import decoded, url_text

_RESPONDERS = (Responder(HOSTS, False), Responder(HOSTS, True))
_PHOTO_LIMIT = 20_000  # what the fuzzer makes at most
_BOUNDARY = b"---------------------------7d93b9550d4a"


def http(data: bytes) -> None:
    """Request heads, whole and in pieces."""
    assert _head([data]) == _head([data[:7], data[7:20], data[20:]])


def chunked(data: bytes) -> None:
    """Chunked bodies."""
    assert _chunks([data]) == _chunks([data[:1], data[1:5], data[5:]])


def multipart(data: bytes) -> None:
    """Multipart bodies; what comes out is never more than what came in."""
    parts = _parts([data])
    assert parts == _parts([data[:3], data[3:50], data[50:]])
    if isinstance(parts, list):
        assert sum(len(content) for _, content in parts) <= len(data)


def message(data: bytes) -> None:
    """The XML of an e-mail."""
    quirks: set[str] = set()
    with suppress(Refused):
        found = read_message(data, quirks)
        assert found.receivers
        assert "\n" not in found.subject + found.sender + "".join(found.receivers)
        (found.text + found.sender_name).encode()
        assert quirks <= QUIRKS.keys()


def social(data: bytes) -> None:
    """The XML of logins and announcements."""
    for reads in (sns.read_auth, sns.read_announcement):
        with suppress(Refused):
            reads(data, set())


def credentials(data: bytes) -> None:
    """Encrypted names and passwords."""
    key, _, value = data.decode("latin-1").partition("|")
    with suppress(ValueError):
        crypt.decrypt(key, value)


def names(data: bytes) -> None:
    """File names and media types."""
    name, _, said = data.decode("utf-8", "surrogateescape").partition("|")
    safe = safe_name(name)
    assert safe == safe_name(safe)
    assert not set(safe) & set("/\\\0")
    assert "\n" not in media_type(safe, said)


def questions(data: bytes) -> None:
    """DNS messages: silence, or an answer that is not much longer, and readable."""
    query = read(data)
    if isinstance(query, Answer):
        assert dns.message.from_wire(query.wire).flags & dns.flags.QR
    elif query is not None:
        for responder in _RESPONDERS:
            found = responder.answer(query, "192.0.2.1", query.cookie)
            if isinstance(found, Answer):
                assert dns.message.from_wire(found.wire).flags & dns.flags.QR
                assert len(found.wire) <= len(data) + 60
            else:
                assert dns.message.from_wire(found.wire(b"id")).question


def growth(data: bytes) -> None:
    """Slow inputs: a shape again and again, read by any reader, in time that grows with it.

    The first byte chooses the reader; the others are a beginning, a unit and an end, each
    of a few of the shapes that are known to be hard.
    """
    if len(data) < 3:
        return
    reader = sorted(READERS)[data[0] % len(READERS)]
    begins, units = data[1] % 4, 1 + data[1] // 4 % 4
    beginning, unit, end = data[2 : 2 + begins], data[2 + begins :][:units], data[-(data[1] % 3) :]
    if unit:
        name = f"{reader}: {pieces(beginning)!r} and {pieces(unit)!r} and {pieces(end)!r}"
        assert grows_slowly(READERS[reader], pieces(unit), pieces(beginning), pieces(end[:4])), name


def photos(data: bytes) -> None:
    """What is read of a photo before it is decoded: never more than came, in plain words."""
    found = details(data)
    assert found.model.isprintable()
    assert all(words.isprintable() for _, words in found.words)
    assert len(jpeg.read_head(data).tables) <= len(data) + 2
    assert jpeg.scans(data) <= jpeg.SCANS + 1
    assert len(png.pixels_only(data)) <= len(data) + 8
    for order in (b"II*\0", b"MM\0*"):
        read_exif(order + data)


def jpegs(data: bytes) -> None:
    """Whether a JPEG has its end: what has one has it whatever comes after."""
    cut = lacks_end(io.BytesIO(data))
    assert cut or not lacks_end(io.BytesIO(data + b"more"))


def texts(data: bytes) -> None:
    """Bytes that become text: whatever they are, it can be written, and a URL loses none."""
    decoded(data).encode()
    url_text(data).encode()
    if b"%" not in data:
        assert unquote_to_bytes(url_text(data)) == data


def unread(data: bytes) -> None:
    """Heads that are kept to be looked at."""
    assert b"Authorization: secret" not in unreadable(data + b"\nAuthorization: secret")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "http": http,
    "chunked": chunked,
    "multipart": multipart,
    "message": message,
    "social": social,
    "credentials": credentials,
    "names": names,
    "questions": questions,
    "growth": growth,
    "photos": photos,
    "jpegs": jpegs,
    "texts": texts,
    "unread": unread,
}


def seeds(name: str, recordings: Path) -> Iterator[bytes]:
    """Inputs to begin with: the recordings, or what a target reads of them."""
    if name == "questions":
        for number, host in enumerate(HOSTS):
            yield dns.message.make_query(host, "A", use_edns=bool(number % 2)).to_wire()
        return
    if name == "growth":
        for number in range(max(len(READERS), len(REPEATED))):
            yield bytes((number, 0, number, 0))
        return
    if name == "photos":
        for path in recordings.glob("*.JPG"):
            yield path.read_bytes()[:_PHOTO_LIMIT]
        return
    for path in recordings.glob("*.http"):
        raw = path.read_bytes()
        body = raw.partition(b"\r\n\r\n")[2]
        if name == "message":
            yield body.partition(b"\r\n\r\n")[2][:600]
        elif name == "jpegs":
            yield body[body.find(b"\xff\xd8") :] if b"\xff\xd8" in body else b"\xff\xd8"
        else:
            yield raw if name in ("http", "unread") else body


def _head(pieces: list[bytes]) -> object:
    reader = HeadReader()
    request: Request | None = None
    rest = b""
    try:
        for piece in pieces:
            if request is not None:
                rest += piece
            elif found := reader.feed(piece):
                request, rest = found
        if request is None:
            reader.end()
    except Refused as refused:
        return refused.status, refused.why
    return request, rest


def _chunks(pieces: list[bytes]) -> object:
    body = ChunkedBody()
    try:
        data = b"".join(chunk for piece in pieces for chunk in body.feed(piece))
    except Refused as refused:
        return refused.status
    return data, body.complete


def _parts(pieces: list[bytes]) -> list[tuple[Part, bytes]] | int:
    reader = Multipart(_BOUNDARY)
    found: list[tuple[Part, bytes]] = []
    try:
        events = [event for piece in pieces for event in reader.feed(piece)]
        events += reader.end()
    except Refused as refused:
        return refused.status
    for event in events:
        if isinstance(event, Part):
            found.append((event, b""))
        elif isinstance(event, Data):
            found[-1] = (found[-1][0], found[-1][1] + event.data)
        else:
            assert isinstance(event, PartEnd)
    return found
