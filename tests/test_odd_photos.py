"""Photos without a byte, and photos without their end."""

import re
import sqlite3

import pytest

from tests.conftest import Server, StartServer
from tests.support import PHOTO, email_body, email_request, eventually, recording
from tests.web.visitor import Visitor, password_of

CUT = PHOTO[:-200]


def test_an_empty_photo_in_an_e_mail_is_refused_with_a_reason(server: Server) -> None:
    for photos in ([("A.JPG", b"")], [("A.JPG", PHOTO), ("B.JPG", b"")], [("", b"")]):
        answer = server.ask(email_request(email_body(*photos)))
        assert answer.status == 400
        name = photos[-1][0] or "photo"
        assert f"{name} is empty: the camera sent no byte of it".encode() in answer.body
    assert server.spooled() == []
    assert server.ask(email_request(email_body(("A.JPG", b"x")))).status == 200


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ids=["sized", "chunked"],
)
def test_an_empty_upload_is_refused_and_may_come_again(
    start_server: StartServer, body: bytes
) -> None:
    server = start_server('senders = ["f"]\n')
    login = server.ask(recording("sns-login-nx300")).body
    found = re.search(rb'SessionKey="([0-9a-f]{32})"', login)
    assert found
    put = b"PUT /upload/" + found[1] + b"/A.JPG HTTP/1.1\r\n"
    answer = server.ask(put + body)
    assert answer.status == 400
    assert b"A.JPG is empty" in answer.body
    assert server.ask(put + b"Content-Length: 1\r\n\r\nx").status == 200
    assert list(eventually(server.stored).values()) == [b"x"]


def test_a_jpeg_without_its_end_is_stored_and_marked(server: Server) -> None:
    photos = (("WHOLE.JPG", PHOTO), ("CUT.JPG", CUT), ("NONE.JPG", b"no JPEG"))
    assert server.ask(email_request(email_body(*photos))).status == 200
    eventually(lambda: len(server.stored()) == 3)
    assert {path.split("/")[1]: data for path, data in server.stored().items()} == dict(photos)
    eventually(lambda: "cut-photo" in server.output)
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    marked = connection.execute("SELECT name FROM photos WHERE cut").fetchall()
    connection.close()
    assert marked == [("CUT.JPG",)]
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    assert visitor.get("/").text.count("Not whole: its end is missing.") == 1
    assert "Its end is missing" in visitor.get("/photos/2").text
    assert "Its end is missing" not in visitor.get("/photos/1").text


def test_an_upload_without_its_end_is_stored_and_marked(start_server: StartServer) -> None:
    server = start_server('senders = ["f"]\n')
    login = server.ask(recording("sns-login-nx300")).body
    found = re.search(rb'SessionKey="([0-9a-f]{32})"', login)
    assert found
    put = b"PUT /upload/" + found[1] + b"/A.JPG HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(CUT)
    assert server.ask(put + CUT).status == 200
    assert list(eventually(server.stored).values()) == [CUT]
    eventually(lambda: "cut-photo" in server.output)
