"""The segments of a JPEG before its first scan (ITU-T T.81, annex B), within bounds."""

from dataclasses import dataclass

HEAD_LIMIT = 1024 * 1024
"""Bytes before the first scan that are read. Cameras write some 10 to 70 kB."""
SEGMENTS = 1000
"""The most segments before the first scan. Pillow keeps each; cameras write about ten."""
SCANS = 100
"""The most scans of a picture. Encoders make ten; each costs time for the whole picture."""

_START = b"\xff\xd8"
_FRAMES = (0xC0, 0xC1, 0xC2)  # Huffman; baseline, extended, progressive: what scales
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_TABLES = (0xC4, 0xDB, 0xDD)
_APP1, _ADOBE, _SCAN = 0xE1, 0xEE, 0xDA
_SCAN_MARKER, _END = b"\xff\xda", b"\xff\xd9"
_EXIF = b"Exif\0\0"
_ADOBE_LENGTH = 12  # it says how the colours are coded


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture itself: its size, and whether a decoder holds all of it unscaled."""

    width: int
    height: int
    components: int
    progressive: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the first scan.

    `exif` is a TIFF structure or empty. `tables` are the segments that decoding needs, the
    start of the image included. `scan` is where the first scan's marker begins, or None when
    the head breaks off or is longer than the limits.
    """

    frame: Frame | None
    exif: bytes
    tables: bytes
    scan: int | None
    buffered: bool


def is_jpeg(data: bytes) -> bool:
    """Whether data begin as a JPEG does (an MPO is one, with more behind it)."""
    return data.startswith(_START + b"\xff")


def read_head(data: bytes) -> Head:
    """Read the beginning of a JPEG. What is broken or too long ends the reading, not more."""
    frame, exif, tables = None, b"", [_START]
    at = len(_START)
    for _ in range(SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        length = int.from_bytes(data[at + 2 : at + 4])
        content = data[at + 4 : at + 2 + length]
        if data[at : at + 1] != b"\xff" or length < 2 or len(content) < length - 2:
            break
        kind = data[at + 1]
        if kind == _SCAN:
            found = content[0] if content else 0
            buffered = frame is not None and (frame.progressive or found < frame.components)
            return Head(frame, exif, b"".join(tables), at, buffered)
        if kind in _FRAMES and frame is None and len(content) >= 6:
            frame = _frame(kind, content)
        elif kind in _FRAMES or kind in _OTHER_FRAMES:
            break
        if kind in _FRAMES or kind in _TABLES:
            tables.append(data[at : at + 2 + length])
        elif kind == _ADOBE and content.startswith(b"Adobe") and length >= 2 + _ADOBE_LENGTH:
            size = (2 + _ADOBE_LENGTH).to_bytes(2)
            tables.append(bytes((0xFF, _ADOBE)) + size + content[:_ADOBE_LENGTH])
        elif kind == _APP1 and not exif and content.startswith(_EXIF):
            exif = content[len(_EXIF) :]
        at += 2 + length
    return Head(frame, exif, b"".join(tables), None, buffered=False)


def _frame(kind: int, content: bytes) -> Frame:
    height, width = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
    return Frame(width, height, content[5], kind == 0xC2)


def first_picture(data: bytes) -> bytes:
    """What a decoder gets of data that begin with the first scan: as far as the first end.

    Not as far as the end of the picture that segments lead to: a decoder resynchronises in
    other ways than a reader of segments, and scans could be hidden from the one or the other.
    """
    end = data.find(_END)
    return data if end < 0 else data[: end + len(_END)]


def scans(data: bytes) -> int:
    """How many scans a decoder may find in data, wherever they stand.

    The two bytes of a scan's marker do not occur in compressed pixels.
    """
    return data.count(_SCAN_MARKER)
