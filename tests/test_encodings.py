"""Bytes that are no UTF-8, wherever a stranger can put them: the server, its page and its
upkeep go on, and so they do with a database that holds such text already."""

import asyncio
import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from shutterpost.devices import Device, Devices
from shutterpost.spool.database import Database
from shutterpost.spool.seen import seen, write_seen
from shutterpost.wire.http import HeadReader
from tests.conftest import Server
from tests.support import BOUNDARY, PHOTO, email_body, email_request, eventually, recording
from tests.web.visitor import Visitor, password_of

BYTES = [b"\xff", b"\xbb\xe7\xc1\xf8", b"\xed\xa0\x80", b"\xed\xb3\xbf", b"\xf8\x88\x80\x80\x80"]


def _email(old: bytes, new: bytes) -> bytes:
    """An e-mail with something replaced, in its head and in its body."""
    body = email_body(("A.JPG", PHOTO)).replace(old, new)
    head, _, _ = email_request(body).partition(b"\r\n\r\n")
    return head.replace(old, new) + b"\r\n\r\n" + body


def _requests(odd: bytes) -> list[bytes]:
    return [
        b"GET /" + odd + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /?" + odd + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: " + odd + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: www.msn.com\r\nUser-Agent: " + odd * 200 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + odd + b"\r\n\r\n",
        b"GET http://" + odd + b"/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nReferer: http://" + odd + b"/\r\n\r\n",
        b"PUT /upload/" + odd + b"/" + odd + b" HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        b"PUT /upload/" + b"a" * 32 + b"/" + odd + b" HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        b"POST /" + odd + b" HTTP/1.1\r\nContent-Length: 4\r\nCookie: " + odd + b"\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nContent-Length: " + odd + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: " + odd + b"\r\n\r\n",
        odd + b" / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + odd + b": x\r\n\r\n",
        *(
            _email(old, new)
            for old, new in (
                (b"DUID=123456789033", b"DUID=" + odd),
                (b"sdeClient", odd),
                (b"A.JPG", odd + b".JPG"),
                (b"image/jpeg", odd),
                (b"multipart/form-data", odd),
                (BOUNDARY, odd),
                (b"Sent from", odd),
                (b"Camera@", odd + b"@"),
                (b"photos@", odd + b"@"),
            )
        ),
    ]


@pytest.mark.parametrize("odd", BYTES)
def test_the_server_its_page_and_its_upkeep_go_on(server: Server, odd: bytes) -> None:
    for request in _requests(odd):
        assert server.ask(request).status < 500, request
    assert server.ask(recording("email-nx300")).status == 200
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    for path in ("/", "/cameras", "/deliveries"):
        assert visitor.get(path).status == 200, path
    assert "Traceback" not in server.output
    assert server.stop() == 0
    assert "could not be done" not in server.output
    assert "Traceback" not in server.output
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    [(agent,)] = connection.execute("SELECT user_agent FROM devices").fetchall()
    connection.close()
    assert agent


def test_what_a_request_says_can_be_written_down(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.open()
    for odd in BYTES:
        found = HeadReader().feed(b"GET / HTTP/1.1\r\nUser-Agent: " + odd + b"\r\n\r\n")
        assert found
        devices = Devices([], lambda: 1.0)
        devices.checked("192.168.1.9", found[0].host, found[0].value("User-Agent"))
        asyncio.run(database.write(partial(write_seen, changed=devices.take_unwritten())))
        [device] = database.read_now(seen)
        assert device.user_agent == found[0].value("User-Agent")
    database.close()


def test_a_database_that_holds_such_text_already_does_no_harm(server: Server) -> None:
    assert server.ask(recording("email-nx300")).status == 200
    eventually(server.stored)
    assert server.ask(b"GET / HTTP/1.1\r\nUser-Agent: x\r\n\r\n").status == 200
    server.stop()
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    half = json.dumps(["a\udcff@example.org"])
    odd = "CAST(x'41FFBBE7' AS TEXT)"
    with connection:
        connection.execute(f"UPDATE devices SET user_agent = {odd}, model = {odd}, device = {odd}")
        connection.execute(
            f"UPDATE shipments SET sender_name = {odd}, subject = {odd}, text = {odd},"
            f" camera = {odd}, device = {odd}, recipients = ?",
            (half,),
        )
        connection.execute(
            f"UPDATE deliveries SET state = 'failed', told = 0, last_error = {odd},"
            f" receipt = {odd}, recipients = ?, progress = ?",
            (half, json.dumps({"post": "\ud800"})),
        )
    connection.close()
    server.start()
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    card = visitor.get("/")
    assert card.status == 200
    assert "A\ufffd" in card.text
    for path in ("/cameras", "/deliveries", "/photos/1"):
        assert visitor.get(path).status == 200, path
    assert server.ask(recording("email-nx300")).status == 200
    assert server.stop() == 0
    assert "Traceback" not in server.output


def test_half_a_character_in_a_json_column_is_read_as_a_question_mark(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.open()
    row = Device("192.168.1.9", 1.0, 1.0, quirks=("a\udcff", "😀"))
    asyncio.run(database.write(partial(write_seen, changed=[row])))
    [device] = database.read_now(seen)
    database.close()
    assert device.quirks == ("a?", "😀")
