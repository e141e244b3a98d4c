"""Reports of unknown requests can be shown to others: no photo, no place, no secret, no name."""

import io

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from tests.conftest import Server
from tests.support import email_body, eventually

PROBES = ("/generate_204", "/hotspot-detect.html", "/admin", "/.env", "/wp-login.php")
FIREFOX = b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"


def photo_with_a_place() -> bytes:
    image = Image.new("RGB", (200, 100), "teal")
    exif = image.getexif()
    exif[0x010E] = "a description of a person"
    exif.get_ifd(0x8825)[2] = (IFDRational(52), IFDRational(31), IFDRational(12))
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def reports(server: Server) -> list[bytes]:
    return [path.read_bytes() for path in (server.folder / "data").glob("unknown/*")]


def post(server: Server, body: bytes, path: bytes = b"/some/new/thing", more: bytes = b"") -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: www.ospserver.net\r\n" + more
    assert server.ask(head + b"Content-Length: %d\r\n\r\n" % len(body) + body).status == 404


def test_a_report_of_an_upload_stops_before_the_photo(server: Server) -> None:
    photo = photo_with_a_place()
    post(server, email_body(("A.JPG", photo), text="a private text", subject="a private title"))
    [report] = eventually(lambda: reports(server))
    assert b'fileName="A.JPG"' in report  # the form of it is what helps
    assert report.endswith(b"[cut: a file of the camera's]")
    for private in (b"\xff\xd8", b"Exif", b"description", b"private", b"Camera@", b"photos@"):
        assert private not in report, private


@pytest.mark.parametrize(
    "body",
    [
        b"<a><title>SECRET</title></a>",
        b"<a><Content><![CDATA[SECRET]]></Content></a>",
        b'<Photo Title="SECRET"/>',
        b"<gpsLatitude>SECRET</gpsLatitude>",
        b"latitude=SECRET&x=1",
        b"<to>SECRET@example.org</to>",
        b"<loginID>SECRET</loginID>",
        b'{"password": "SECRET"}',
        b"text first \x00SECRET",
        b"\x89PNG\r\n\x1a\nSECRET",
    ],
)
def test_what_is_personal_is_masked(server: Server, body: bytes) -> None:
    post(server, body)
    [report] = eventually(lambda: reports(server))
    assert b"SECRET" not in report
    assert report.startswith(b"POST /some/new/thing")


def test_probes_of_browsers_and_phones_fill_no_reports(server: Server) -> None:
    for path in PROBES:
        server.ask(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    post(server, b"x", b"/whatever", FIREFOX)
    post(server, b"a camera's", b"/unknown")
    eventually(lambda: reports(server))
    [report] = reports(server)
    assert report.startswith(b"POST /unknown")
