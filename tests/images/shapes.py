"""Photos that are made to harm, and photos that are merely large."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

SCAN = b"\xff\xda"
LARGE = (6480, 4320)  # 28 megapixels, as the NX500 takes them


def jpeg(size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    """A photo."""
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, "JPEG", **options)
    return data.getvalue()


def mpo() -> bytes:
    """Two pictures of 28 megapixels, as 3D lenses take them."""
    data = io.BytesIO()
    image = Image.new("RGB", LARGE, "teal")
    image.save(data, "MPO", save_all=True, append_images=[image])
    return data.getvalue()


def segment(kind: int, content: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes((0xFF, kind)) + struct.pack(">H", 2 + len(content)) + content


def with_segments(segments: bytes) -> bytes:
    """A photo with segments before its own."""
    return b"\xff\xd8" + segments + jpeg()[2:]


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    """An entry of a TIFF table, big-endian."""
    return struct.pack(">HHII", tag, kind, count, value)


def tiff(*entries: bytes, rest: bytes = b"") -> bytes:
    """A TIFF structure of one table; `rest` begins at 8 + 2 + 12 * entries + 4."""
    table = struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)
    return b"MM\0*" + struct.pack(">I", 8) + table + rest


def with_exif(structure: bytes) -> bytes:
    """A photo that says something of itself."""
    return with_segments(segment(0xE1, b"Exif\0\0" + structure))


def overlapping() -> bytes:
    """5,000 values of 60 kB in a segment of 64 kB: all of them are the same bytes."""
    return with_exif(tiff(*(entry(n, 7, 60_000, 8) for n in range(1, 5001))).ljust(65_000, b"\0"))


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(side: int, chunks: bytes = b"") -> bytes:
    """A grey square; a large one is small in the file."""
    pack = zlib.compressobj(1)
    rows = b"".join(pack.compress(bytes(1 + side)) for _ in range(side)) + pack.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunks
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def texts() -> bytes:
    """A PNG whose packed texts unpack to 60 MB, four bytes a letter in memory."""
    packed = zlib.compress("😀é".encode() * 150_000)
    return png(
        100,
        b"".join(chunk(b"iTXt", f"{n}".encode() + b"\0\1\0\0\0" + packed) for n in range(60)),
    )


def split_scans(data: bytes) -> bytes:
    """The photo's first scan says that it holds one colour: the decoder keeps all until the end."""
    at = data.index(SCAN)
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[:at] + segment(0xDA, b"\1\1\0\0\x3f\0") + data[at + 2 + length :]


def two_heads() -> bytes:
    """A PNG that says that it is small, and then that it is not."""
    large = png(13_000)
    return large[:8] + png(100)[8:33] + large[8:]


def hidden_scans(number: int) -> bytes:
    """Scans behind a marker without a length, whose two bytes look like one."""
    data = jpeg((3000, 3000), progressive=True)
    at = data.index(SCAN)
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    scan = data[at : at + 2 + length]
    return data[:-2] + b"\xff\x01\xff\xff" + scan * number + data[-2:]


HARMFUL: dict[str, Callable[[], bytes]] = {
    "PNG of 169 megapixels": lambda: png(13_000),
    "PNG with two heads": two_heads,
    "texts of a PNG": texts,
    "chunks of a PNG": lambda: png(100, chunk(b"teXt", b"") * 600_000),
    "empty segments": lambda: with_segments(segment(0xE1, b"") * 5_000_000),
    "EXIF that overlaps": overlapping,
    "EXIF in many segments": lambda: with_segments(
        segment(0xE1, b"Exif\0\0" + tiff().ljust(65_000, b"\0")) * 2000
    ),
    "progressive": lambda: jpeg((9000, 9000), progressive=True),
    "a scan for each colour": lambda: split_scans(jpeg((9000, 9000))),
    "long and narrow": lambda: jpeg((65_000, 1500)),
    "behind the photo": lambda: jpeg() + bytes(300_000_000),
}
