"""Whether a JPEG has its end: real ones of any kind, cut at any place."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shutterpost.images.ending import lacks_end
from tests.support import PHOTO


def is_cut(data: bytes) -> bool:
    return lacks_end(io.BytesIO(data))


def jpeg(**options: object) -> bytes:
    data = io.BytesIO()
    noise = Image.effect_noise((160, 120), 90).convert("RGB")
    noise.save(data, "JPEG", **options)
    return data.getvalue()


EXIF = b"Exif\x00\x00" + jpeg(quality=20)  # with a thumbnail that has an end of its own
KINDS = {
    "baseline": jpeg(),
    "progressive": jpeg(progressive=True),
    "restart markers": jpeg(restart_marker_blocks=2),
    "a thumbnail": jpeg(exif=EXIF),
    "a camera's": PHOTO,
    "two pictures": jpeg() + jpeg(exif=EXIF),
    "more after it": jpeg() + b"\x00" * 3000 + b"SEFT",
    "filling bytes": b"\xff\xd8\xff\xff\xff" + jpeg()[2:],
    "much before it": jpeg(exif=EXIF, icc_profile=bytes(200_000)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_jpeg_has_its_end(kind: str) -> None:
    assert not is_cut(KINDS[kind])


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restart markers", "a thumbnail"])
def test_a_jpeg_cut_anywhere_lacks_it(kind: str) -> None:
    data = KINDS[kind]
    assert all(is_cut(data[:size]) for size in range(2, len(data)))


def test_an_end_across_two_pieces_is_found() -> None:
    head = jpeg().partition(b"\xff\xda")[0] + b"\xff\xda"
    for size in range(1024 * 1024 - 3, 1024 * 1024 + 2):
        assert not is_cut(head + bytes(size) + b"\xff\xd9")
        assert is_cut(head + bytes(size) + b"\xff")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"photo",
        b"\x89PNG",
        b"\xff\xd8photo",
        b"\xff\xd8\xff\xe1\x00\x01",
        b"\xff\xd8" + b"\xff" * 100_000,
    ],
)
def test_what_is_no_jpeg_or_too_odd_is_not_called_cut(data: bytes) -> None:
    assert not is_cut(data)


@given(st.binary(), st.booleans())
def test_any_bytes_are_judged(data: bytes, jpeg_start: bool) -> None:
    is_cut(b"\xff\xd8" * jpeg_start + data)
