"""What machines ask on the page's port, and what they may not."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.conftest import Server, Smarthost, StartServer
from tests.support import eventually, recording
from tests.web.opened import opened


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health(server: Server) -> None:
    assert get(server.page, "/healthz") == (200, "ok\n")


def test_metrics_count_what_happened(start_server: StartServer, smarthost: Smarthost) -> None:
    server = start_server(smarthost.config)
    smarthost.inbox.refuse["photos@example.org"] = "450 later"
    server.ask(recording("email-nx300"))
    eventually(lambda: 'result="retried"' in get(server.page, "/metrics")[1])
    status, text = get(server.page, "/metrics")
    assert status == 200
    for line in (
        'shutterpost_uploads_total{kind="email"} 1.0',
        'shutterpost_upload_bytes_total{kind="email"} 8334.0',
        'shutterpost_upload_seconds_bucket{le="600.0"} 1.0',
        "shutterpost_upload_seconds_count 1.0",
        'shutterpost_deliveries_total{action="email",result="retried"} 1.0',
        'shutterpost_quirks_total{quirk="request-line-whitespace"} 1.0',
        'shutterpost_quirks_total{quirk="bare-lf"} 0.0',
        'shutterpost_queue{state="waiting"} 1.0',
    ):
        assert line in text, line
    age = text.split('shutterpost_queue_age_seconds{state="waiting"} ')[1].split("\n")[0]
    assert float(age) >= 0


def test_the_page_is_not_behind_the_camera_door(server: Server) -> None:
    for path in (b"/healthz", b"/metrics"):
        assert server.ask(b"GET " + path + b" HTTP/1.1\r\n\r\n").status == 404


def test_metrics_are_for_this_machine_or_a_token(tmp_path: Path) -> None:
    with opened(tmp_path, 'metrics_token = "t0ken"') as page:
        client = page.visitor("192.168.1.7")
        assert client.get("/metrics").status_code == 401
        wrong = {"Authorization": "Bearer wrong"}
        assert client.get("/metrics", headers=wrong).status_code == 401
        right = {"Authorization": "Bearer t0ken"}
        assert client.get("/metrics", headers=right).status_code == 200
        assert client.get("/healthz").status_code == 200
        here = page.visitor("127.0.0.1")
        assert here.get("/metrics").status_code == 200
        assert page.visitor("::ffff:127.0.0.1").get("/metrics").status_code == 200
        for name in ("X-Forwarded-For", "Forwarded"):  # a proxy speaks for somebody else
            assert here.get("/metrics", headers={name: "garbage"}).status_code == 401


def test_the_page_can_be_off_and_its_port_can_be_taken(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shutterpost", "serve", "--listen", "127.0.0.1:0"]
    taken = subprocess.run(
        [*command, "--web", f"127.0.0.1:{server.page}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert taken.returncode == 1
    assert "stop it, or change [web] listen" in taken.stderr


def test_a_request_to_the_page_does_not_keep_the_server_from_stopping(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.page)) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert server.stop() == 0
