"""Whether a JPEG is whole: cameras that lose their battery or their network send a part of one."""

from typing import BinaryIO

_START = b"\xff\xd8"
_END = b"\xff\xd9"
_SCAN = 0xDA
_STANDALONE = (0x01, *range(0xD0, 0xD8))  # markers without a length
_MARKER_LIMIT = 2000
"""The most markers before the picture that are followed; cameras write some twenty."""
_PIECE = 1024 * 1024


def lacks_end(file: BinaryIO) -> bool:
    """Whether this is a JPEG whose picture has no end (ITU T.81, B.1.1.2 and B.2.1).

    The end is looked for after the picture's beginning: thumbnails in front of it have an
    end of their own, and in the picture no other bytes look like one. What comes after it
    (a second picture, Samsung's own data) does not matter. False for what is no JPEG, or
    such an odd one that nobody can tell. Raises OSError.
    """
    if file.read(2) != _START:
        return False
    for _ in range(_MARKER_LIMIT):
        marker = file.read(2)
        if len(marker) < 2:
            return True
        if marker[0] != 0xFF or marker == _END:
            return False
        if marker[1] == _SCAN:
            return not _holds_end(file)
        if marker[1] == 0xFF:  # a filling byte
            file.seek(-1, 1)
        elif marker[1] not in _STANDALONE:
            size = file.read(2)
            if len(size) < 2:
                return True
            length = int.from_bytes(size, "big")
            if length < 2:
                return False
            file.seek(length - 2, 1)
    return False


def _holds_end(file: BinaryIO) -> bool:
    last = b""
    while piece := file.read(_PIECE):
        if _END in last + piece:
            return True
        last = piece[-1:]
    return False
