"""What is committed is answered, whatever fails beside it."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

import pytest

from shutterpost.config.values import PRIVATE, Address
from shutterpost.connection import Body
from shutterpost.doors import CameraDoor
from shutterpost.spool.files import Files
from shutterpost.wire.http import Request
from shutterpost.wire.reply import Reply
from tests.support import Answer, ask


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


def test_a_file_that_cannot_be_removed_costs_no_reply(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The second copy of an e-mail is removed between the commit and the reply."""
    files = Files(tmp_path)
    files.open()
    incoming = files.receive()
    incoming.write(b"photo")
    (files.incoming / incoming.file).unlink()
    files.incoming.rmdir()
    files.incoming.write_bytes(b"no folder any more")
    with caplog.at_level(logging.WARNING):
        incoming.discard()
    assert f"{incoming.file} cannot be removed now" in caplog.text
