"""The one place where pixels are decoded: its memory is known before Pillow sees a byte.

Pillow gets only the tables and the pixels of a file. Its readers keep every other segment or
chunk, and ask some formats for details by decoding them whole (688 kB of PNG took 880 MiB,
a JPEG of empty segments 1,447 MiB).
"""

import io
from pathlib import Path

from PIL import Image

from shutterpost.images import jpeg, png
from shutterpost.images.details import details

SCALED_LIMIT = 100_000_000
"""The most pixels of a JPEG that its decoder makes small while it reads."""
BUFFERED_LIMIT = 90_000_000
"""The most samples (pixels times colours) of a JPEG in several scans: its decoder holds them
all, at two bytes each. A progressive photo of 28 megapixels has 84 million."""
WHOLE_LIMIT = 4_000_000
"""The most pixels of a PNG, which is decoded whole. No camera makes one."""
FILE_LIMIT = 32 * 1024 * 1024
"""The most bytes of a JPEG that are read. What follows is a second picture or a film."""
PNG_FILE_LIMIT = 8 * 1024 * 1024
"""The most bytes of a PNG that are read."""

Image.MAX_IMAGE_PIXELS = SCALED_LIMIT
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class NoPictureError(ValueError):
    """A file is not decoded: what it is, or what it would cost."""


def small(path: Path, side: int) -> Image.Image:
    """A photo in RGB, upright, its longest side at most `side` pixels.

    JPEG (and MPO, by its first picture) up to `SCALED_LIMIT` and `BUFFERED_LIMIT`, PNG up to
    `WHOLE_LIMIT`. Raises NoPictureError, OSError, and what Pillow raises on broken pixels.
    """
    with path.open("rb") as file:
        head = file.read(jpeg.HEAD_LIMIT)
        if jpeg.is_jpeg(head):
            first, kind = jpeg.read_head(head), "JPEG"
            limit = _checked(first)
            file.seek(first.scan or 0)
            pixels = jpeg.first_picture(file.read(FILE_LIMIT))
            if first.buffered and jpeg.scans(pixels) > jpeg.SCANS:
                raise NoPictureError(f"more than {jpeg.SCANS} scans")
            data = first.tables + pixels
        elif png.is_png(head):
            limit = WHOLE_LIMIT
            _check(png.size(head), limit)
            data, kind = png.pixels_only(head + file.read(PNG_FILE_LIMIT - len(head))), "PNG"
        else:
            raise NoPictureError("neither JPEG nor PNG")
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        _check(image.size, limit)  # as Pillow reads it, which may be another head than we read
        scale = max(image.size) / side
        if scale > 1:
            # In its own proportions: a long and narrow photo is scaled as well.
            image.draft(
                "RGB", (max(1, int(image.width / scale)), max(1, int(image.height / scale)))
            )
            image.thumbnail((side, side), reducing_gap=None)
        turn = _TURNS.get(details(head).orientation)
        return (image.transpose(turn) if turn is not None else image).convert("RGB")


def _checked(head: jpeg.Head) -> int:
    """The most pixels of this JPEG, which it does not exceed. Raises NoPictureError."""
    if head.frame is None or head.scan is None:
        raise NoPictureError("a JPEG without a readable head")
    limit = SCALED_LIMIT
    if head.buffered:
        limit = BUFFERED_LIMIT // max(1, head.frame.components)
    _check((head.frame.width, head.frame.height), limit)
    return limit


def _check(size: tuple[int, int], limit: int) -> None:
    pixels = size[0] * size[1]
    if not 0 < pixels <= limit:
        raise NoPictureError(f"{pixels} pixels are too many" if pixels else "no pixels")
