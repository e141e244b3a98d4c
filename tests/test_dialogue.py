"""A running server, real sockets: what cameras send and what they get."""

import re
import resource
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shutterpost.config.values import Secret
from shutterpost.secret import folder_of
from tests.conftest import Server, Smarthost, StartServer
from tests.support import (
    PHOTO,
    ask,
    email_body,
    email_request,
    eventually,
    recording,
    reply_body,
)
from tests.wiretap import data_segments

SUCCESS = reply_body("status-succ")


@pytest.mark.parametrize("name", ["email-nx300", "email-nx300-absolute", "email-nx300-bare-end"])
def test_the_nx300s_e_mail_is_answered_with_success_and_stored(server: Server, name: str) -> None:
    answer = server.ask(recording(name))
    assert (answer.status, answer.body) == (200, SUCCESS)
    date = re.search(rb"Date: (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r\n", answer.raw)
    assert date is not None
    assert answer.raw == (
        b"HTTP/1.1 200 OK\r\nServer: Shutterpost\r\nDate: " + date[1] + b"\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
        b"Content-Length: 26\r\nConnection: close\r\n\r\n" + SUCCESS
    )
    eventually(server.stored)
    [(path, data)] = server.stored().items()
    assert data == PHOTO
    secret = (server.folder / "data" / "secret").read_text().strip()
    assert path == folder_of("Camera@samsungcamera.com", Secret(secret)) + "/SAM_4371.JPG"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (recording("email-nx300"), 200),
        (recording("sns-login-empty"), 400),
        (email_request(email_body(("A.JPG", PHOTO), sender="x@y.z")), 401),
        (b"BREW / HTTP/1.1\r\n\r\n", 405),
    ],
    ids=["success", "empty login", "sender", "method"],
)
def test_every_answer_leaves_in_one_segment(
    server: Server, request_bytes: bytes, status: int
) -> None:
    answers = []
    segments = data_segments(server.port, lambda: answers.append(server.ask(request_bytes)))
    assert answers[0].status == status
    assert [segment.data for segment in segments] == [answers[0].raw]
    assert segments[0].has_fin  # a second packet hurts these cameras


def test_one_byte_per_packet(server: Server) -> None:
    raw = recording("email-nx300")
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(raw)):
            sock.send(raw[position : position + 1])
        assert SUCCESS in sock.recv(2000)
    assert eventually(server.stored)


def test_a_client_that_closes_its_sending_side_is_answered(server: Server) -> None:
    assert server.ask(recording("email-nx300"), close_sending=True).body == SUCCESS


@pytest.mark.parametrize("cut", [1, 2, 3, 500, len(PHOTO) // 2])
def test_a_body_shorter_than_its_length_is_never_taken(server: Server, cut: int) -> None:
    answer = server.ask(recording("email-nx300")[:-cut], close_sending=True)
    assert answer.status == 400
    assert b"cut short" in answer.body
    eventually(lambda: not server.spooled())
    assert server.stored() == {}


def test_a_connection_that_breaks_leaves_nothing(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(recording("email-nx300")[:-100])
        eventually(server.spooled)
    eventually(lambda: not server.spooled())


def test_the_spool_holds_what_was_answered_with_success(server: Server) -> None:
    server.ask(recording("email-nx300"))
    assert [path.read_bytes() for path in server.spooled()] == [PHOTO]
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    assert connection.execute("SELECT device, client FROM shipments").fetchall() == [
        ("123456789033", "127.0.0.1")
    ]
    connection.close()


def test_a_sender_who_may_not_send_is_refused_before_the_photo(server: Server) -> None:
    body = email_body(("A.JPG", b"x" * 100), sender="x@y.z")
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.settimeout(20)
        sock.sendall(email_request(body[:-50], length=10_000_000))
        answer = sock.recv(2000)
    assert b"401" in answer.split(b"\r\n")[0]
    assert b'<Response ErrCode="401" ErrSubCode="0" /><!-- x@y.z is not in senders -->' in answer
    assert server.spooled() == []
    assert "x@y.z is not in senders" in server.output


def test_an_early_refusal_reaches_a_client_that_is_still_sending(start_server: StartServer) -> None:
    server = start_server('[server]\nmax_upload = "1 MiB"\n')
    answer = server.ask(email_request(email_body(("A.JPG", bytes(30_000_000)))))
    assert answer.status == 413
    assert b"over the limit of 1048576 bytes" in answer.body
    assert server.spooled() == []


def test_the_same_e_mail_again_makes_nothing_twice(server: Server) -> None:
    for _ in range(3):
        assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(server.stored)
    assert len(server.spooled()) == 1
    assert server.output.count("nothing made twice") == 2


def test_several_photos_several_receivers(server: Server) -> None:
    photos = [(f"SAM_{n}.JPG", bytes([n]) * n * 1000) for n in range(1, 6)]
    answer = server.ask(email_request(email_body(*photos, receivers=("a@b.c", "d@e.f"))))
    assert answer.body == SUCCESS
    eventually(lambda: len(server.stored()) == 5)
    assert {path.split("/")[1]: data for path, data in server.stored().items()} == dict(photos)


CHUNKED = email_body(("A.JPG", PHOTO))


def test_chunked_uploads_are_read(server: Server) -> None:
    head = email_request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    pieces = [CHUNKED[n : n + 1000] for n in range(0, len(CHUNKED), 1000)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    assert server.ask(head + body + b"0\r\n\r\n").body == SUCCESS
    eventually(server.stored)
    assert list(server.stored().values()) == [PHOTO]


def test_continue_is_sent_when_it_is_waited_for(server: Server) -> None:
    body = email_body(("A.JPG", PHOTO))
    request = email_request(body, extra="Expect: 100-continue\r\n").replace(
        b"HTTP/1.0", b"HTTP/1.1"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.settimeout(20)
        sock.sendall(request[: -len(body)])
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert SUCCESS in sock.recv(2000)


def test_continue_is_not_sent_for_what_is_refused(server: Server) -> None:
    request = (
        b"PUT /social/columbus/email HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    assert server.ask(request, close_sending=True).status == 405


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /social/columbus/email HTTP/1.1\r\n\r\n", 411),
        (b"GET /nowhere HTTP/1.1\r\n\r\n", 404),
        (b"PUT /social/columbus/email HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (email_request(b"x"), 400),
        (email_request(b"x").replace(b"multipart/form-data", b"text/plain"), 400),
        (email_request(email_body()), 400),
        (email_request(email_body(("A.JPG", b"x"), receivers=())), 400),
        (email_request(email_body(("A.JPG", b"x"), text="x" * 300_000)), 413),
        (b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03", 400),
    ],
)
def test_errors_are_the_cameras_own(server: Server, request_bytes: bytes, status: int) -> None:
    answer = server.ask(request_bytes)
    assert answer.status == status
    assert answer.body.startswith(b'<Response ErrCode="%d" ErrSubCode="0" /><!-- ' % status)
    assert server.ask(recording("email-nx300")).status == 200


def test_a_browser_is_sent_home_and_head_has_no_body(server: Server) -> None:
    answer = server.ask(b"GET /social/columbus/email HTTP/1.1\r\n\r\n")
    assert answer.status == 302
    assert b"\r\nLocation: /\r\n" in answer.raw
    assert server.ask(b"HEAD /social/columbus/email HTTP/1.1\r\n\r\n").body == b""


def test_clients_outside_the_allowed_networks_are_refused(start_server: StartServer) -> None:
    server = start_server('[server]\nallow = ["192.0.2.0/24"]\n')
    assert server.ask(recording("email-nx300")).status == 403
    assert server.spooled() == []


def test_a_client_that_pauses_too_long_is_told(start_server: StartServer) -> None:
    server = start_server('[server]\nidle_timeout = "0.2 s"\n')
    answer = server.ask(recording("email-nx300")[:-500])
    assert answer.status == 408
    eventually(lambda: not server.spooled())


def test_quirks_are_logged_with_the_request(server: Server) -> None:
    server.ask(recording("email-nx300"))
    [line] = eventually(lambda: [line for line in server.output.splitlines() if "-> 200" in line])
    for quirk in ("request-line-whitespace", "no-space-after-colon", "repeated-field"):
        assert quirk in line


def test_an_smtp_server_gets_the_mail(start_server: StartServer, smarthost: Smarthost) -> None:
    server = start_server(smarthost.config)
    assert server.ask(recording("email-nx300")).body == SUCCESS
    [mail] = eventually(lambda: smarthost.inbox.mails)
    assert mail.recipients == ["photos@example.org"]
    assert mail.message["Subject"] == "[Samsung Smart Camera] sent you files."
    body = mail.message.get_body()
    assert body is not None
    assert body.get_content().strip() == "Sent from Samsung Camera."
    [photo] = mail.message.iter_attachments()
    assert (photo.get_filename(), photo.get_content_type()) == ("SAM_4371.JPG", "image/jpeg")
    assert photo.get_content() == PHOTO
    assert server.stored() == {}


def test_a_dead_smtp_server_delays_the_mail(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(smarthost.config + '[delivery]\nfirst_retry = "0.1 s"\n')
    smarthost.stop()
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(lambda: "will be tried again" in server.output)
    smarthost.start(smarthost.port)
    eventually(lambda: smarthost.inbox.mails)
    assert len(smarthost.inbox.mails) == 1


def test_what_is_too_large_for_a_mail_is_stored(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(smarthost.config + 'max_size = "100 KiB"\n')
    server.ask(email_request(email_body(("A.JPG", PHOTO), ("B.MP4", bytes(200_000)))))
    eventually(lambda: smarthost.inbox.mails and server.stored())
    assert [len(data) for data in server.stored().values()] == [200_000]
    assert "B.MP4 is too large for a mail" in server.output


def test_actions_by_recipient(start_server: StartServer, smarthost: Smarthost) -> None:
    server = start_server(
        smarthost.config
        + '[actions]\n"drop@example.org" = "drop"\n"*@album.example.org" = "store.album"\n'
    )
    to = ("drop@example.org", "x@Album.example.org", "me@example.org")
    server.ask(email_request(email_body(("A.JPG", PHOTO), receivers=to)))
    eventually(lambda: smarthost.inbox.mails and server.stored())
    assert server.stored() == {"album/A.JPG": PHOTO}
    assert [mail.recipients for mail in smarthost.inbox.mails] == [["me@example.org"]]


def test_a_restart_finds_everything_and_removes_what_was_half(server: Server) -> None:
    server.ask(recording("email-nx300"))
    eventually(server.stored)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(recording("email-nx300").replace(b"SAM_4371", b"SAM_4372")[:-100])
        eventually(lambda: len(server.spooled()) == 2)
        server.kill()
    assert len(server.spooled()) == 2
    server.start()
    assert len(server.spooled()) == 1
    assert "cleaned:   1 unfinished" in server.output
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(lambda: "nothing made twice" in server.output)


def test_sigterm_finishes_what_is_on_the_wire(server: Server) -> None:
    raw = recording("email-nx300")
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.settimeout(20)
        sock.sendall(raw[:-100])
        eventually(server.spooled)
        server.process.terminate()
        eventually(lambda: "stopping" in server.output)
        with pytest.raises(ConnectionRefusedError):
            ask(server.port, raw)
        sock.sendall(raw[-100:])
        assert SUCCESS in sock.recv(2000)
    assert server.stop() == 0
    assert len(server.spooled()) == 1


def test_sigterm_does_not_wait_for_a_camera_that_sends_nothing(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.stop() == 0


def test_two_servers_do_not_share_a_folder(server: Server) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "shutterpost", "serve", "--listen", "127.0.0.1:0", "--web", "off"],
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith("shutterpost: another Shutterpost is using ")


def test_a_port_that_is_taken_is_told(server: Server, tmp_path: Path) -> None:
    second = subprocess.run(
        [
            sys.executable,
            "-m",
            "shutterpost",
            "serve",
            "--listen",
            f"127.0.0.1:{server.port}",
            "--web",
            "off",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "another program uses this port" in second.stderr


def test_the_reference_servers_configuration_stores_into_the_same_folder(
    start_server: StartServer, tmp_path: Path
) -> None:
    config = (Path(__file__).parent / "config" / "reference-example.toml").read_text()
    server = start_server(config.replace("/tmp/", f"{tmp_path}/uploads/"))
    assert "samsung-nx-emailservice" in server.output.splitlines()[0]
    assert server.ask(recording("email-nx300")).body == SUCCESS
    path = tmp_path / "uploads" / "yZXbyiz-pZX2DqmBjoRl" / "SAM_4371.JPG"
    eventually(path.exists)
    assert path.read_bytes() == PHOTO


def test_a_thousand_silent_clients_do_not_keep_a_camera_out(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2000)), hard))
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1050)]
    try:
        for sock in silent:
            sock.sendall(b"P")
        assert server.ask(recording("email-nx300")).body == SUCCESS
    finally:
        for sock in silent:
            sock.close()


def test_memory_does_not_grow_with_the_upload(server: Server) -> None:
    size = 100_000_000
    before = server.memory("VmHWM")
    start, _, end = email_body(("A.MP4", b"PHOTO")).partition(b"PHOTO")
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(email_request(start, length=len(start) + size + len(end)))
        for _ in range(size // 1_000_000):
            sock.sendall(bytes(1_000_000))
        sock.sendall(end)
        assert SUCCESS in sock.recv(2000)
    assert server.memory("VmHWM") - before < 20
