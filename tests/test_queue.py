"""`shutterpost queue`, beside a running server."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.rows import fill
from sqlalchemy import Connection, select, update

from shutterpost.spool import Spool
from shutterpost.spool.queue import retry_failed
from shutterpost.spool.schema import deliveries
from tests.conftest import Server, Smarthost, StartServer
from tests.support import eventually, recording


def queue(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shutterpost", "queue", *arguments],
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def entries(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(queue(server, "list", "--json").stdout)
    return found


def states(server: Server) -> list[str]:
    return [entry["state"] for entry in entries(server)]


def test_all_that_failed_are_retried_as_one_is(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    try:
        asyncio.run(spool.database.write(_fail_three))
        assert asyncio.run(
            spool.database.write(lambda connection: retry_failed(connection, 5.0))
        ) == [1, 2]
        found = asyncio.run(spool.database.read(_progress))
        assert found == [
            ("waiting", 5.0, {}),
            ("waiting", 5.0, {"mails": [1], "again": True}),
            ("done", 1.0, {}),
        ]
    finally:
        spool.close()


def _fail_three(connection: Connection) -> None:
    fill(connection, 3, "failed")
    connection.execute(update(deliveries).values(due=1.0))
    second, third = deliveries.c.id == 2, deliveries.c.id == 3
    connection.execute(update(deliveries).where(second).values(progress={"mails": [1]}))
    connection.execute(update(deliveries).where(third).values(state="done"))


def _progress(connection: Connection) -> list[tuple[object, ...]]:
    columns = deliveries.c.state, deliveries.c.due, deliveries.c.progress
    return [tuple(row) for row in connection.execute(select(*columns).order_by(deliveries.c.id))]


def test_without_a_server_there_is_no_queue(server: Server) -> None:
    assert json.loads(queue(server, "--json").stdout) == []
    assert "the queue is empty" in queue(server).stdout
    server.stop()
    (server.folder / "data" / "shutterpost.db").unlink()
    result = queue(server)
    assert result.returncode == 1
    assert "there is no queue yet" in result.stderr


def test_a_failed_delivery_is_shown_retried_and_dropped(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(smarthost.config)
    smarthost.inbox.refuse["photos@example.org"] = "550 no such user"
    server.ask(recording("email-nx300"))
    eventually(lambda: states(server) == ["failed"])
    [entry] = entries(server)
    for key in ("id", "action", "state", "attempts", "due", "last_error"):
        assert key in entry
    assert (entry["action"], entry["attempts"], entry["due"]) == ("email", 1, None)
    assert "550 no such user" in entry["last_error"]
    assert "550 no such user" in queue(server).stdout
    shown = queue(server, "show", "1").stdout
    assert "photo:       SAM_4371.JPG, 8334 bytes" in shown
    assert "attempt:" in shown
    [attempt] = json.loads(queue(server, "show", "1", "--json").stdout)["history"]
    assert "550 no such user" in attempt["error"]

    assert queue(server, "retry", "1").stdout == "delivery 1 will be tried now\n"
    eventually(lambda: entries(server)[0]["attempts"] == 2 and states(server) == ["failed"])
    smarthost.inbox.refuse.clear()
    # the refusal was noted for that recipient, and a person's retry is a new beginning
    assert queue(server, "retry", "1").returncode == 0
    eventually(lambda: states(server) == ["done"])
    assert len(smarthost.inbox.mails) == 1

    for arguments in (("retry", "1"), ("drop", "1"), ("drop", "99"), ("show", "99")):
        result = queue(server, *arguments)
        assert (result.returncode, result.stdout) == (1, "")


def test_what_is_dropped_is_not_delivered(start_server: StartServer, smarthost: Smarthost) -> None:
    server = start_server(smarthost.config + '[delivery]\nfirst_retry = "0.3 s"\n')
    smarthost.stop()
    server.ask(recording("email-nx300"))
    eventually(lambda: entries(server)[0]["last_error"])
    assert queue(server, "drop", "1").stdout == "delivery 1 is given up\n"
    assert states(server) == ["dropped"]
    smarthost.start(smarthost.port)
    server.ask(
        recording("email-nx300")
        .replace(b"SAM_4371.JPG", b"SAM_4372.JPG")
        .replace(b"Sent from", b"Send from")
    )
    eventually(lambda: smarthost.inbox.mails)
    assert states(server) == ["dropped", "done"]
    assert len(smarthost.inbox.mails) == 1


def test_wrong_arguments(server: Server) -> None:
    for arguments in (("show",), ("list", "1"), ("fly",), ("retry", "x")):
        assert queue(server, *arguments).returncode == 2
