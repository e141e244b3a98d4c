"""`shutterpost queue`, beside a running server."""

import json
import subprocess
import sys
from typing import Any

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
