"""The few values of EXIF that are shown (EXIF 2.3, TIFF 6.0); each stands for itself.

Only these are read: a table of values that overlap can say 350 MB in 64 kB.
"""

from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction

Value = str | Fraction

ENTRIES = 200
"""The most entries of a table that are looked at. Cameras write up to 60."""
TEXT_LIMIT = 200
"""The most bytes of a text."""


class Tag(IntEnum):
    """What is read, by its number."""

    MODEL = 0x0110
    ORIENTATION = 0x0112
    CHANGED = 0x0132
    EXPOSURE = 0x829A
    APERTURE = 0x829D
    ISO = 0x8827
    TAKEN = 0x9003
    FOCAL_LENGTH = 0x920A


_KNOWN = {tag.value: tag for tag in Tag}
_MORE = 0x8769  # where the second table is
_ORDERS = {b"II*\0": "little", b"MM\0*": "big"}
_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5
_SIZES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8}


def read_exif(tiff: bytes) -> dict[Tag, Value]:
    """The values that can be read; broken ones are left out. Numbers are fractions."""
    order = _ORDERS.get(tiff[:4], "")
    if not order:
        return {}
    reader = _Reader(tiff, big=order == "big")
    entries = [*reader.table(reader.number(4, 4))]
    for more in [value for tag, value in entries if tag == _MORE][:1]:
        if isinstance(more, Fraction):
            entries += reader.table(int(more))
    found: dict[Tag, Value] = {}
    for number, value in entries:
        if number in _KNOWN:
            found.setdefault(_KNOWN[number], value)
    return found


class _Reader:
    def __init__(self, data: bytes, *, big: bool) -> None:
        self._data = data
        self._big = big

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size], "big" if self._big else "little")

    def table(self, at: int) -> Iterator[tuple[int, Value]]:
        """The first value of each entry of a table that holds one of our kinds."""
        for number in range(min(self.number(at, 2), ENTRIES)):
            entry = at + 2 + 12 * number
            if entry + 12 > len(self._data):
                return
            value = self._value(entry)
            if value is not None:
                yield self.number(entry, 2), value

    def _value(self, entry: int) -> Value | None:
        kind, count = self.number(entry + 2, 2), self.number(entry + 4, 4)
        length = _SIZES.get(kind, 0) * count
        if not length:
            return None
        at = entry + 8 if length <= 4 else self.number(entry + 8, 4)
        if at + length > len(self._data):
            return None
        if kind == _ASCII:
            return _text(self._data[at : at + min(length, TEXT_LIMIT)])
        if kind == _RATIONAL:
            above, below = self.number(at, 4), self.number(at + 4, 4)
            return Fraction(above, below) if below else None
        return Fraction(self.number(at, _SIZES[kind]))


def _text(data: bytes) -> str:
    data = data.partition(b"\0")[0]
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
