"""Hostile input against a running server: it answers, keeps nothing, and goes on."""

import resource
import socket
import time
from contextlib import suppress

import pytest

from tests.conftest import Server, Smarthost, StartServer
from tests.support import (
    BOUNDARY,
    PHOTO,
    Answer,
    email_body,
    email_request,
    eventually,
    recording,
    reply_body,
)

SUCCESS = reply_body("status-succ")


def still_serves(server: Server) -> None:
    assert server.ask(recording("email-nx300")).body == SUCCESS
    assert "Traceback" not in server.output


def post(server: Server, path: str, body: bytes) -> Answer:
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return server.ask(head.encode() + body)


def test_a_hundred_thousand_parts(server: Server) -> None:
    nameless = b"\r\n--" + BOUNDARY + b"\r\n\r\nx"
    photos = b"\r\n--" + BOUNDARY + b'\r\ncontent-disposition: x; name="binary"\r\n\r\nx'
    start = email_body(end=b"")
    assert server.ask(email_request(start + nameless * 100_000)).status == 400
    assert server.ask(email_request(start + photos * 100_000)).status == 413
    assert server.spooled() == []
    still_serves(server)


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><Request Method="login" SessionKey="&i;"><File Name="&i;"/>&i;</Request>'
).encode()
HUGE = b'<Request Method="login" SessionKey="' + b"x" * 10_000_000 + b'"/>'
DEEP = b"<a>" * 80_000
NULS = b'<Request Method="login" SessionKey="\x00"><File Name="\x00"/></Request>'


@pytest.mark.parametrize("body", [BOMB, HUGE, DEEP, NULS, b"\xff" * 1000, b"&" * 200_000])
@pytest.mark.parametrize("path", ["/facebook/auth", "/facebook/photo", "/youtube/video"])
def test_hostile_xml(server: Server, path: str, body: bytes) -> None:
    assert post(server, path, body).status in (400, 401, 413)
    still_serves(server)
    assert server.memory("VmHWM") < 150


def test_hostile_messages_in_e_mails(server: Server) -> None:
    for body in (BOMB, HUGE[:200_000], DEEP, NULS):
        raw = email_body(("A.JPG", PHOTO)).replace(b"<email>", b"<email>" + body, 1)
        assert server.ask(email_request(raw)).status in (200, 400, 413)
    still_serves(server)


NAMES = [
    "../../../etc/cron.d/x",
    "/etc/passwd",
    "..\\..\\x",
    "a\x00b",
    "a\r\nb",
    ".",
    "~/x",
    "x" * 5000,
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_the_folder(server: Server, name: str) -> None:
    before = set(server.folder.rglob("*"))
    answer = server.ask(email_request(email_body((name, b"x" + name.encode()))))
    assert answer.status in (200, 400)
    if answer.status == 200:
        [path] = eventually(server.stored)
        assert path.count("/") == 1
    outside = [path for path in set(server.folder.rglob("*")) - before if "data" not in path.parts]
    assert outside == []


@pytest.mark.parametrize(
    "key", ["../" * 8 + "etc/passwd", "%2e%2e%2f", "x" * 32, "'; DROP TABLE sessions; --"]
)
def test_no_session_key_means_anything_but_itself(server: Server, key: str) -> None:
    target = f"/upload/{key}/A.JPG".encode()
    answer = server.ask(b"PUT " + target + b" HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
    assert answer.status in (401, 404)
    body = f'<Request SessionKey="{key}"><File Name="A.JPG"/></Request>'.encode()
    assert post(server, "/facebook/photo", body).status == 401
    still_serves(server)


def test_nothing_is_injected_into_a_mail(start_server: StartServer, smarthost: Smarthost) -> None:
    server = start_server('senders = ["*"]\n' + smarthost.config)
    evil = "x\r\nBcc: evil@example.org\r\n\r\nbody"
    for field in ("subject", "text", "sender"):
        body = email_body(
            (f"{field}\r\nBcc: x.JPG", PHOTO),
            subject=evil if field == "subject" else "s",
            text=evil if field == "text" else "t",
            sender=f"Camera &lt;a@b.c&gt;{evil}" if field == "sender" else "a@b.c",
        )
        server.ask(email_request(body))
    to = ("a@example.org\r\nRCPT TO:<evil@example.org>", "good@example.org")
    server.ask(email_request(email_body(("A.JPG", PHOTO), receivers=to)))
    eventually(lambda: len(smarthost.inbox.mails) >= 3)
    for mail in smarthost.inbox.mails:
        assert set(mail.recipients) <= {"photos@example.org", "good@example.org"}
        assert mail.message["Bcc"] is None
        names = [part.get_filename() for part in mail.message.iter_attachments()]
        assert names
        assert not any("\n" in str(name) for name in names)


def test_the_replys_head_cannot_be_split(server: Server) -> None:
    answer = server.ask(b"GET /%0d%0aSet-Cookie:x HTTP/1.1\r\n\r\n")
    assert b"\r\nSet-Cookie" not in answer.raw
    assert server.ask(b"GET /\x0d\x0aSet-Cookie:x HTTP/1.1\r\n\r\n").status == 400


def test_slow_connections_keep_no_camera_out(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3000)), hard))
    head = b"POST /social/columbus/email HTTP/1.1\r\nX: "
    body = email_request(email_body(("A.JPG", bytes(1_000_000))))[:2000]
    slow = []
    for number in range(1000):
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.sendall(body if number % 2 else head)
        slow.append(sock)
    for _ in range(3):
        for sock in slow:
            with suppress(OSError):  # it had to make room
                sock.sendall(b"x")
        begun = time.monotonic()
        still_serves(server)
        assert time.monotonic() - begun < 10
    assert server.memory("VmHWM") < 150
    for sock in slow:
        sock.close()
    eventually(lambda: len(server.spooled()) == 1)
