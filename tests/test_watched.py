"""systemd and logs: what those who watch the process see."""

import json
import os
import socket
from pathlib import Path

from tests.conftest import Server, StartServer
from tests.support import eventually, recording


def test_systemd_hears_that_the_server_is_ready_alive_and_stopping(
    server: Server, tmp_path: Path
) -> None:
    server.stop()
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(20)
        server.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        heard = {systemd.recv(100) for _ in range(4)}
        assert heard == {b"READY=1", b"WATCHDOG=1"}
        server.process.terminate()
        while systemd.recv(100) != b"STOPPING=1":
            pass
        assert server.process.wait(20) == 0


def test_a_notify_socket_that_is_away_for_a_moment(server: Server, tmp_path: Path) -> None:
    """At the start, in between, and at the end."""
    server.stop()
    path = tmp_path / "notify"
    server.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="200000")
    eventually(lambda: "systemd does not hear READY=1" in server.output)
    for state in (b"READY=1", b"WATCHDOG=1"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(path))
            systemd.settimeout(20)
            while systemd.recv(100) != state:
                pass
        path.unlink()
        eventually(lambda: server.output.count("systemd does not hear WATCHDOG=1") >= 1)
    assert server.ask(recording("email-nx300")).status == 200
    assert server.stop() == 0
    assert server.output.count("systemd does not hear") <= 4
    assert "Traceback" not in server.output


def test_an_abstract_notify_socket(server: Server) -> None:
    server.stop()
    name = f"shutterpost-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name)
        systemd.settimeout(20)
        server.start(NOTIFY_SOCKET="@" + name)
        assert systemd.recv(100) == b"READY=1"


def test_the_log_is_one_line_per_step_with_the_shipment_first(server: Server) -> None:
    server.ask(recording("email-nx300"))
    eventually(lambda: "done:" in server.output)
    steps = [line for line in server.output.splitlines() if " shipment 1: " in line]
    assert len(steps) == 2
    assert "shipment 1: e-mail from Camera@samsungcamera.com" in steps[0]
    assert "shipment 1: delivery 1 to store: done: " in steps[1]


def test_the_log_as_json(start_server: StartServer) -> None:
    server = start_server("", "--log-format", "json")
    server.ask(recording("email-nx300"))
    server.ask(b"GET /%s HTTP/1.1\r\n\r\n" % b"nowhere")
    eventually(lambda: "done:" in server.output)
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    assert all({"time", "level", "message", "logger"} <= line.keys() for line in lines)
    assert [next(iter(line)) for line in lines if "shipment" in line] == ["shipment"] * 2
    assert {line["level"] for line in lines} == {"info", "warning"}


def test_hostile_text_stays_on_its_line(server: Server) -> None:
    server.ask("GET /\u009b31m\u2028x HTTP/1.1\r\n\r\n".encode())
    server.ask(b"GET /" + b"x" * 50_000 + b" HTTP/1.1\r\n\r\n")
    output = eventually(lambda: server.output if server.output.count("-> 404") == 2 else "")
    assert "\u009b" not in output
    assert max(map(len, output.splitlines())) < 700


def test_a_silent_far_end_does_not_keep_the_server_from_stopping(
    start_server: StartServer,
) -> None:
    import time

    for mood in (b"", b"220 hi\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as far_end:
            port = far_end.getsockname()[1]
            server = start_server(
                f'[email]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
            )
            server.ask(recording("email-nx300"))
            client, _ = far_end.accept()
            with client:
                client.sendall(mood)
                begun = time.monotonic()
                assert server.stop() == 0
                assert time.monotonic() - begun < 10  # the contract: stops within 10 s
