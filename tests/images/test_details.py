"""What a photo says of itself."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from shutterpost.images.details import camera_model, details
from shutterpost.images.exif import Tag, read_exif
from tests.images.shapes import entry, tiff, with_exif
from tests.support import RECORDINGS

MODEL = entry(Tag.MODEL, 2, 4, int.from_bytes(b"NX1\0"))


def test_a_cameras_photo() -> None:
    found = details((RECORDINGS / "SAM_4371.JPG").read_bytes())
    assert found.model == "NX300"
    assert found.size is not None


def test_a_file_that_is_gone_has_no_model(tmp_path: Path) -> None:
    assert camera_model(tmp_path / "gone") == ""


def written(first: dict[int, object], second: dict[int, object]) -> bytes:
    """EXIF as Pillow writes it."""
    exif = Image.Exif()
    for tag, value in first.items():
        exif[tag] = value
    exif.get_ifd(ExifTags.IFD.Exif).update(second)
    return exif.tobytes()[6:]


def test_all_that_is_shown() -> None:
    data = written(
        {Tag.MODEL: "NX300", Tag.ORIENTATION: 6, Tag.CHANGED: "2015:01:01 00:00:00"},
        {
            Tag.TAKEN: "2014:05:01 12:30:00",
            Tag.EXPOSURE: IFDRational(1, 250),
            Tag.APERTURE: IFDRational(28, 10),
            Tag.ISO: 400,
            Tag.FOCAL_LENGTH: IFDRational(35, 1),
        },
    )
    found = details(with_exif(data))
    assert (found.size, found.model, found.orientation) == ((640, 480), "NX300", 6)
    assert found.words == (
        ("Taken", "2014-05-01 12:30:00"),
        ("Exposure", "1/250 s"),
        ("Aperture", "f/2.8"),
        ("ISO", "400"),
        ("Focal length", "35 mm"),
    )


@pytest.mark.parametrize("order", ["little", "big"])
def test_both_orders_of_bytes(order: str) -> None:
    data = written({Tag.MODEL: "NX300", Tag.ORIENTATION: 3}, {Tag.ISO: 100})
    if order == "big":
        data = tiff(MODEL, entry(Tag.ORIENTATION, 3, 1, 3 << 16), entry(Tag.ISO, 4, 1, 100))
    found = read_exif(data)
    assert found[Tag.ORIENTATION] == Fraction(3)
    assert found[Tag.ISO] == Fraction(100)
    assert found[Tag.MODEL] in ("NX300", "NX1")


BAD = {
    "divided by zero": entry(Tag.EXPOSURE, 5, 1, 8),
    "beyond the end": entry(Tag.APERTURE, 5, 1, 4_000_000_000),
    "of a kind that is none": entry(Tag.ISO, 99, 1, 100),
    "a text for a number": entry(Tag.FOCAL_LENGTH, 2, 4, 0x61620000),
    "a number for a text": entry(Tag.TAKEN, 4, 1, 5),
    "without a value": entry(Tag.EXPOSURE, 5, 0, 0),
    "four billion values": entry(Tag.ISO, 3, 0xFFFFFFFF, 8),
    "a table beyond the end": entry(0x8769, 4, 1, 4_000_000_000),
    "itself as a table": entry(0x8769, 4, 1, 8),
    "a turn that is none": entry(Tag.ORIENTATION, 3, 1, 9 << 16),
}


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_value_hides_only_itself(bad: str) -> None:
    zero = entry(Tag.EXPOSURE, 5, 1, 8 + 2 + 12 * 3 + 4)
    iso = entry(Tag.CHANGED, 2, 20, 8 + 2 + 12 * 3 + 4 + 8)
    broken = zero if bad == "divided by zero" else BAD[bad]
    data = tiff(MODEL, broken, iso, rest=b"\0\0\0\1\0\0\0\0" + b"2014:05:01 12:30:00\0")
    found = details(with_exif(data))
    assert found.model == "NX1"
    assert found.orientation == 1
    assert found.words == (("Taken", "2014-05-01 12:30:00"),)


@pytest.mark.parametrize(
    "unset", ["0000:00:00 00:00:00", "    :  :     :  :  ", "", "2014:13:01 00:00:00", "\x1b[2J"]
)
def test_a_date_of_zeros_is_no_date(unset: str) -> None:
    assert details(with_exif(written({}, {Tag.TAKEN: unset}))).words == ()
    changed = written({Tag.CHANGED: "2014:05:01 12:30:00"}, {Tag.TAKEN: unset})
    assert details(with_exif(changed)).words == (("Taken", "2014-05-01 12:30:00"),)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (Fraction(1, 8000), "1/8000 s"),
        (Fraction(10, 300), "1/30 s"),
        (Fraction(1), "1 s"),
        (Fraction(5, 2), "2.5 s"),
        (Fraction(1, 4_000_000_000), "1/4000000000 s"),
    ],
)
def test_exposures(seconds: Fraction, words: str) -> None:
    rest = seconds.numerator.to_bytes(4) + seconds.denominator.to_bytes(4)
    data = tiff(entry(Tag.EXPOSURE, 5, 1, 8 + 2 + 12 + 4), rest=rest)
    assert details(with_exif(data)).words == (("Exposure", words),)


@given(st.binary(max_size=400), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_any_exif_is_read(data: bytes, order: bytes) -> None:
    for value in read_exif(order + data).values():
        assert isinstance(value, Fraction) or value.isprintable()
    found = details(with_exif(order + data))
    assert found.size == (640, 480)
    assert all(words.isprintable() and len(words) < 100 for _, words in found.words)
