"""The chunks of a PNG that its pixels need; the others could unpack to anything."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = b"IHDR"
_NEEDED = (_HEAD, b"PLTE", b"tRNS", b"IDAT", b"IEND")
_AROUND = 12  # bytes: length, kind, checksum


def is_png(data: bytes) -> bool:
    """Whether data begin as a PNG does, its size included."""
    return data.startswith(_SIGNATURE) and data[12:16] == _HEAD and len(data) >= 24


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, of data that are a PNG's."""
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def pixels_only(data: bytes) -> bytes:
    """A PNG without texts, colour profiles, animations and a second head; it may break off."""
    kept, at = [_SIGNATURE], len(_SIGNATURE)
    while len(data) - at >= _AROUND:
        end = at + _AROUND + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind in _NEEDED and (kind != _HEAD or len(kept) == 1):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)
