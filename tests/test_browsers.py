"""A web site in the owner's browser: it may read the camera door, and send nothing through it."""

from pathlib import Path

import pytest

from shutterpost.gateway.browsers import came_from_a_site
from shutterpost.wire.http import HeadReader
from tests.conftest import Server
from tests.support import PHOTO, RECORDINGS, email_body, email_request, eventually, recording

FOREIGN = [
    "Origin: https://evil.example",
    "Origin: null",  # a sandboxed frame, or a page that hides itself
    "Origin: http://www.ospserver.net",  # a name of our own that leads here from outside
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
    "Sec-Fetch-Site: Cross-Site",
    "Referer: https://evil.example/form",
    "Referer: https://www.ospserver.net@evil.example/",
    "Referer: http://[broken/",
    "Referer: about:blank",
]
OWN = [
    "Referer: http://www.ospserver.net/",
    "Referer: http://WWW.OSPSERVER.NET:80/social",
    "Referer:",
    "Sec-Fetch-Site: none",
]


def _field(line: str) -> bytes:
    return line.encode() + b"\r\n"


@pytest.mark.parametrize("line", FOREIGN)
def test_what_a_web_site_sends_is_refused_before_it_is_read(server: Server, line: str) -> None:
    email = email_request(email_body(("A.JPG", PHOTO)), extra=line + "\r\n")
    for sent in (email, *(_with(recording(name), line) for name in ("sns-login-nx300", "sns-put"))):
        answer = server.ask(sent)
        assert answer.status == 403, answer.raw
        assert b"a web page sent this" in answer.body
    assert server.spooled() == []
    assert server.ask(recording("email-nx300")).status == 200


@pytest.mark.parametrize("line", OWN)
def test_what_no_other_site_sent_is_taken(server: Server, line: str) -> None:
    request = email_request(email_body(("A.JPG", PHOTO)), extra=line + "\r\n")
    assert server.ask(request).status == 200
    assert eventually(server.stored)


@pytest.mark.parametrize("line", FOREIGN)
def test_a_cameras_browser_may_come_from_anywhere_to_read(server: Server, line: str) -> None:
    for target in ("/", "http://www.yahoo.co.kr/", "/oauth", "/social/columbus/email"):
        request = f"GET {target} HTTP/1.1\r\nHost: www.ospserver.net\r\n{line}\r\n\r\n"
        assert server.ask(request.encode()).status in (200, 302)


def test_a_web_sites_pictures_are_not_kept_as_unknown_requests(server: Server) -> None:
    for number in range(3):
        request = f"GET /picture-{number} HTTP/1.1\r\nHost: h\r\nReferer: http://evil.example/\r\n"
        assert server.ask(request.encode() + b"\r\n").status == 404
    assert not (server.folder / "data" / "unknown").exists()


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.http")), ids=lambda path: path.stem)
def test_no_camera_is_taken_for_a_web_site(path: Path) -> None:
    found = HeadReader().feed(recording(path.stem))
    assert found
    assert came_from_a_site(found[0]) == ""


def _with(request: bytes, line: str) -> bytes:
    return request.replace(b"\r\n", b"\r\n" + _field(line), 1)
