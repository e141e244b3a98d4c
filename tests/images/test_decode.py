"""What is decoded, and what is refused before."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import shutterpost
from shutterpost.images import jpeg, png
from shutterpost.images.decode import BUFFERED_LIMIT, NoPictureError, small
from shutterpost.images.details import details
from tests.images import shapes
from tests.support import RECORDINGS


def test_pillow_opens_files_in_one_place_only() -> None:
    source = Path(shutterpost.__file__).parent
    opening = [
        path.name
        for path in source.rglob("*.py")
        if "Image.open(" in path.read_text() or "getexif" in path.read_text()
    ]
    assert opening == ["decode.py"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a\x10\0\x10\0",
        b"RIFF\0\0\0\0WEBPVP8X",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"II*\0\x08\0\0\0",
        b"BM",
        b"\xff\xd8\xff",
        b"\xff\xd8" + shapes.segment(0xDA, b"\3"),
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_other_files_are_never_pillows(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "photo"
    path.write_bytes(data)
    with pytest.raises(NoPictureError):
        small(path, 480)
    assert details(data).words == ()


@pytest.mark.parametrize(("side", "fits"), [(2000, True), (2001, False)])
def test_a_png_is_decoded_up_to_a_limit(tmp_path: Path, side: int, fits: bool) -> None:
    path = tmp_path / "photo"
    path.write_bytes(shapes.png(side))
    assert details(path.read_bytes()).size == (side, side)
    if fits:
        assert small(path, 480).size == (480, 480)
    else:
        with pytest.raises(NoPictureError, match="4004001 pixels are too many"):
            small(path, 480)


def test_scans_are_counted_and_bounded(tmp_path: Path) -> None:
    data = shapes.jpeg(progressive=True)
    head = jpeg.read_head(data)
    assert head.scan is not None
    assert head.buffered
    count = data.count(shapes.SCAN)
    assert jpeg.scans(data[head.scan :]) == count
    assert jpeg.first_picture(data[head.scan :] * 2) == data[head.scan :]
    last = data.rindex(shapes.SCAN)
    path = tmp_path / "photo"
    path.write_bytes(data[:last] + data[last:-2] * jpeg.SCANS + data[-2:])
    with pytest.raises(NoPictureError, match="more than 100 scans"):
        small(path, 480)
    path.write_bytes(shapes.hidden_scans(jpeg.SCANS))  # each takes a decoder 20 ms
    with pytest.raises(NoPictureError, match="more than 100 scans"):
        small(path, 480)


def test_what_pillow_reads_is_what_was_checked(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(shapes.two_heads())
    assert png.size(path.read_bytes()) == (100, 100)
    assert png.pixels_only(shapes.two_heads()).count(b"IHDR") == 1


def test_what_a_decoder_holds_is_known() -> None:
    plain = jpeg.read_head(shapes.jpeg())
    assert not plain.buffered
    assert plain.frame == jpeg.Frame(640, 480, 3, progressive=False)
    assert jpeg.read_head(shapes.split_scans(shapes.jpeg())).buffered
    assert 3 * shapes.LARGE[0] * shapes.LARGE[1] <= BUFFERED_LIMIT


def test_two_frames_and_unscalable_ones_are_refused() -> None:
    data = shapes.jpeg()
    at = data.index(b"\xff\xc0")
    frame = data[at : at + 19]
    assert jpeg.read_head(data[:at] + frame + data[at:]).scan is None
    assert jpeg.read_head(data[:at] + b"\xff\xc3" + data[at + 2 :]).scan is None


def test_colours_survive(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    for mode, color in (("RGB", (200, 30, 40)), ("CMYK", (0, 255, 255, 0)), ("L", 90)):
        Image.new(mode, (900, 600), color).save(path, "JPEG", quality=95)
        with Image.open(path) as image:
            expected = image.convert("RGB").getpixel((5, 5))
        found = small(path, 480).getpixel((5, 5))
        assert isinstance(found, tuple)
        assert isinstance(expected, tuple)
        assert all(abs(a - b) < 6 for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("turned", range(1, 9))
def test_pictures_are_upright(tmp_path: Path, turned: int) -> None:
    path = tmp_path / "photo"
    image = Image.new("RGB", (900, 600), "black")
    image.paste("red", (0, 0, 450, 300))
    image.paste("white", (450, 0, 900, 300))
    exif = Image.Exif()
    exif[0x0112] = turned
    image.save(path, "JPEG", exif=exif, quality=95)
    with Image.open(path) as opened:
        expected = ImageOps.exif_transpose(opened)
    found = small(path, 900)
    assert found.size == expected.size
    width, height = found.size
    for x, y in ((50, 50), (width - 50, 50), (50, height - 50), (width - 50, height - 50)):
        assert found.getpixel((x, y)) == expected.getpixel((x, y))


def test_a_cameras_photo_gets_a_picture() -> None:
    assert max(small(RECORDINGS / "SAM_4371.JPG", 480).size) <= 480


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"\xff\xd8\xff" + data))
def test_any_bytes_are_read(data: bytes) -> None:
    head = jpeg.read_head(data)
    assert len(head.tables) <= len(data) + 2
    assert jpeg.scans(jpeg.first_picture(data)) <= len(data) // 2
    assert len(png.pixels_only(data)) <= len(data) + 8
    details(data)
