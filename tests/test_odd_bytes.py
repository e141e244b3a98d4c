"""Bytes that are no text, and replies that leave before anything is counted."""

import asyncio
from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shutterpost.config.values import PRIVATE, Address
from shutterpost.connection import Body
from shutterpost.doors import CameraDoor
from shutterpost.wire.http import HeadReader, Refused, Request
from shutterpost.wire.reply import Reply
from tests.conftest import StartServer
from tests.support import (
    Answer,
    ask,
    eventually,
    recording,
)
from tests.web.visitor import Visitor, password_of

NOT_TEXT = b"\xff\xfe\x80"


def test_bytes_that_are_no_text_stop_nothing(start_server: StartServer) -> None:
    server = start_server("")
    head = b"GET / HTTP/1.1\r\nHost: www.yahoo.co.kr\r\nUser-Agent: " + NOT_TEXT + b"\r\n\r\n"
    assert server.ask(head).status in (200, 302)
    email = recording("email-nx300").replace(b"sdeClient", NOT_TEXT + b"sdeClien")
    assert server.ask(email.replace(b"123456789033", NOT_TEXT + b"123456789")).status == 200
    for target in (NOT_TEXT, b"upload/" + NOT_TEXT + b"/" + NOT_TEXT, b"x?DUID=" + NOT_TEXT):
        request = b"PUT /" + target + b" HTTP/1.1\r\nHost: " + NOT_TEXT + b"\r\n"
        assert server.ask(request + b"Content-Length: 0\r\n\r\n").status in (400, 401, 404)
    eventually(server.stored)
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    for path in ("/cameras", "/", "/deliveries", "/metrics"):
        assert visitor.get(path).status == 200, path
    server.stop()  # devices are written down then
    assert "Traceback" not in server.output
    assert "could not be written" not in server.output
    server.start()
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    assert visitor.get("/cameras").status == 200
    assert "Traceback" not in server.output


@given(st.binary(max_size=40).filter(lambda value: not set(value) & set(b"\r\n")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_field_can_be_written_down(value: bytes) -> None:
    try:
        found = HeadReader().feed(
            b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + value + b"\r\n\r\n"
        )
    except Refused:
        return
    assert found is not None
    for _, text in found[0].fields:
        text.encode("utf-8")


def test_a_reply_leaves_though_nothing_can_be_counted() -> None:
    """As with a quirk that the ledger does not know: the photo was stored, and no answer came."""

    async def answer(request: Request, body: Body, client: str) -> Reply:
        return Reply(200, b"stored")

    def fail(client: str, quirks: Iterable[str]) -> None:
        raise KeyError("no such quirk")

    async def exchange() -> Answer:
        door = CameraDoor(answer, fail, PRIVATE, idle_timeout=5.0)
        listening = door.open(Address("127.0.0.1", 0))
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        answered = await asyncio.to_thread(ask, listening.port, request)
        await door.close(1.0)
        return answered

    assert asyncio.run(exchange()).body == b"stored"
