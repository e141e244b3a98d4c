"""How long a video is, as its MP4 header says."""

import struct
from pathlib import Path
from typing import IO

_BOX_LIMIT = 1000


def duration(path: Path) -> float | None:
    """Seconds, or None for what is not an MP4 that says so."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        moov = _find(file, b"moov", 0, end)
        header = _find(file, b"mvhd", *moov) if moov else None
        if header is None:
            return None
        file.seek(header[0])
        data = file.read(32)
    if len(data) < 32:
        return None
    scale, length = struct.unpack(">I4xQ" if data[0] == 1 else ">II", _times(data))
    return length / scale if scale else None


def _times(data: bytes) -> bytes:
    """Timescale and duration; in version 1 the times before them are longer."""
    return data[20:24] + bytes(4) + data[24:32] if data[0] == 1 else data[12:20]


def _find(file: IO[bytes], wanted: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Where a box's content begins and ends."""
    for _ in range(_BOX_LIMIT):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or start >= end:
            return None
        size, kind = struct.unpack(">I4s", head[:8])
        content = start + 8
        if size == 1 and len(head) == 16:
            [size] = struct.unpack(">Q", head[8:])
            content += 8
        following = end if size == 0 else start + size
        if following < content or following > end:
            return None
        if kind == wanted:
            return content, following
        start = following
    return None
