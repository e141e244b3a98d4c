"""What the reference takes is taken, end to end, and what is refused is kept to be looked at."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Server, Smarthost, StartServer
from tests.support import BOUNDARY, PHOTO, Answer, email_body, email_request, eventually, recording

SENDERS = 'senders = ["Camera@samsungcamera.com", "f"]\n'
LOGIN = recording("sns-login-nx300")
EMAIL = email_request(email_body(("A.JPG", PHOTO)))


def _after(request: bytes, field: bytes) -> bytes:
    """The request with one more line after its first."""
    return request.replace(b"\r\n", b"\r\n" + field + b"\r\n", 1)


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "folded": lambda raw: _after(raw, b"X-Folded: a\r\n b\r\n\tc"),
    "space before the colon": lambda raw: _after(raw, b"X-Space : a"),
    "stray line": lambda raw: _after(raw, b"no field at all"),
    "NUL in a field": lambda raw: _after(raw, b"X-Nul: a\x00b\x00"),
    "NUL alone": lambda raw: _after(raw, b"\x00"),
    "lower-case method": lambda raw: raw.replace(b"POST", b"post", 1),
    "two hosts": lambda raw: _after(raw, b"Host: www.other.example"),
    "unreadable host": lambda raw: re.sub(rb"Host: ?[^\r]*", b"Host: a b/c", raw),
    "LF alone in the head": lambda raw: (
        raw.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n")
        + b"\n\n"
        + raw.partition(b"\r\n\r\n")[2]
    ),
    "slashes": lambda raw: re.sub(rb" (http://[^/]*)?/", rb" \1//", raw, count=1),
    "more slashes": lambda raw: re.sub(rb"(/social|/facebook)/", rb"//\1///", raw, count=1),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_camera_that_writes_oddly_is_served(start_server: StartServer, name: str) -> None:
    server = start_server(SENDERS)
    odd = VARIANTS[name]
    assert odd(EMAIL) != EMAIL
    assert server.ask(odd(EMAIL)).status == 200
    assert list(eventually(server.stored).values()) == [PHOTO]
    login = server.ask(odd(LOGIN))
    assert login.status == 200
    assert b'LoginPeopleID="f"' in login.body
    assert "Traceback" not in server.output


def test_an_upload_with_slashes_in_a_row_is_taken(start_server: StartServer) -> None:
    server = start_server(SENDERS)
    key = _session(server.ask(LOGIN))
    head = f"put //upload///{key}//A.JPG HTTP/1.1\r\nContent-Length : 1\r\nX: y\r\n"
    assert server.ask(head.encode() + b"\r\nx").status == 400  # what frames the body is strict
    head = f"put //upload///{key}//A.JPG HTTP/1.1\r\nHost : h\r\nContent-Length: 5\r\n"
    assert server.ask(head.encode() + b"\r\nphoto").status == 200


def test_an_e_mail_whose_lines_end_in_lf_alone(server: Server) -> None:
    photos = [("A.JPG", PHOTO), ("B.JPG", PHOTO[::-1])]
    body = b"\n".join(
        b"--%s\ncontent-disposition: form-data; name=%s; fileName=%s\n\n%s"
        % (BOUNDARY, kind, name, data)
        for kind, name, data in (
            (
                b"message",
                b"sample.txt",
                b"<email><sender>Camera@samsungcamera.com</sender>"
                b"<receiver>a@example.org</receiver></email>",
            ),
            *((b"binary", name.encode(), data) for name, data in photos),
        )
    )
    assert server.ask(email_request(body + b"\n--" + BOUNDARY + b"\n")).status == 200
    eventually(lambda: len(server.stored()) == 2)
    assert set(server.stored().values()) == {data for _, data in photos}


def test_a_file_name_with_a_charset(server: Server) -> None:
    body = email_body(("A.JPG", PHOTO))
    body = body.replace(b'fileName="A.JPG"', b"fileName*=UTF-8''%EC%82%AC%EC%A7%84.JPG")
    assert server.ask(email_request(body)).status == 200
    [path] = eventually(server.stored)
    assert path.endswith("/사진.JPG")


def test_two_addresses_in_one_receiver_get_the_mail(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(smarthost.config)
    receivers = ("a@example.org;b@example.org", "c@example.org, d@example.org")
    request = email_request(email_body(("A.JPG", PHOTO), receivers=receivers))
    assert server.ask(request).status == 200
    eventually(lambda: smarthost.inbox.mails)
    mailed = {to for mail in smarthost.inbox.mails for to in mail.recipients}
    assert mailed == {f"{name}@example.org" for name in "abcd"}


REFUSED = {
    "BREW /pot HTTP/1.1\r\n": 405,
    "GET nowhere HTTP/1.1\r\n": 400,
    "GET /new\r\n": 400,
    "POST /new HTTP/1.1\r\nX: y\r\n": 411,
    "POST /new HTTP/1.1\r\nContent-Length : 5\r\n": 400,
    "GET /new HTTP/2.0\r\n": 505,
    "PUT /social/columbus/email HTTP/1.1\r\nContent-Length: 0\r\n": 405,
}


@pytest.mark.parametrize("head", REFUSED)
def test_what_is_refused_is_kept_like_unknown_requests(server: Server, head: str) -> None:
    assert server.ask(head.encode() + b"\r\n").status == REFUSED[head]
    eventually(lambda: "please look at" in server.output)
    [path] = _kept(server)
    assert path.read_bytes().startswith(head.encode().splitlines()[0])
    assert path.stat().st_mode & 0o777 == 0o600
    assert server.ask(head.encode() + b"\r\n").status == REFUSED[head]
    assert len(_kept(server)) == 1


def test_what_is_kept_of_a_refused_request_holds_no_secrets(server: Server) -> None:
    key = "0123456789abcdef" * 2
    head = (
        f"BREW /upload/{key}/A.JPG?DUID=123456789033&password=geheim HTTP/1.1\r\n"
        "Authorization:OAuth oauth_token=hunter2,\r\n more=hunter3\r\n"
        "cookie : session=hunter4\r\n  Proxy-Authorization: hunter5\r\nX: kept\r\n\r\n"
    )
    assert server.ask(head.encode()).status == 405
    eventually(lambda: "please look at" in server.output)
    [path] = _kept(server)
    kept = path.read_bytes()
    assert b"X: kept" in kept
    for secret in (key, "123456789033", "geheim", "hunter"):
        assert secret.encode() not in kept
        assert secret not in path.name


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"OPTIONS /facebook/auth HTTP/1.1\r\nOrigin: http://evil.example\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nsec-fetch-site : cross-site\r\n\r\n",
    ],
    ids=["TLS", "a web site", "another web site"],
)
def test_what_no_camera_sent_is_not_kept(server: Server, head: bytes) -> None:
    assert server.ask(head).status in (400, 405)
    assert server.ask(EMAIL).status == 200
    eventually(server.stored)
    assert _kept(server) == []


def _kept(server: Server) -> list[Path]:
    folder = server.folder / "data" / "unknown"
    return sorted(folder.glob("*.http")) if folder.exists() else []


def _session(answer: Answer) -> str:
    found = re.search(rb'SessionKey="([0-9a-f]{32})"', answer.body)
    assert found
    return found[1].decode()
