"""Who gets in: the password, sessions, forms, names, and what an anonymous sees."""

import asyncio
import base64
import hashlib
import os
import pty
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shutterpost.page_password import PagePassword
from shutterpost.web.entry import LIFETIME, Entry, TooManyTries
from tests.conftest import Server, StartServer
from tests.support import eventually, recording
from tests.web.opened import PASSWORD, opened
from tests.web.visitor import Visitor, hidden, password_of

PAGES = (
    "/",
    "/photos/1",
    "/photos/1/file",
    "/photos/1/thumb",
    "/deliveries",
    "/deliveries/1/drop",
    "/cameras",
    "/cameras/unknown/a.http",
    "/setup",
    "/setup/mastodon/finish?state=a",
    "/events",
    "/nothing",
)
SHUTTERPOST = (sys.executable, "-m", "shutterpost")
FORMS = ("/logout", "/deliveries/retry", "/deliveries/1/retry", "/setup/mail", "/setup/mastodon")


def shutterpost(folder: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Run the command; its status and all that it says."""
    done = subprocess.run(
        [*SHUTTERPOST, *arguments],
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stdout + done.stderr


def test_an_anonymous_sees_the_login_form_only(server: Server) -> None:
    visitor = Visitor(server.page)
    for path in PAGES:
        answer = visitor.get(path)
        assert (answer.status, answer.headers["location"]) == (303, "/login"), path
        assert visitor.get(path, Sec_Fetch_Dest="image").status == 401, path
    for path in FORMS:
        assert visitor.post(path, {}).status == 303, path
    login = visitor.get("/login")
    assert login.status == 200
    assert "<nav" not in login.text
    assert visitor.get("/static/style.css").status == 200
    assert visitor.get("/static/../templates/base.html").status == 404
    assert visitor.get("/healthz").text == "ok\n"


def test_the_password_opens_it_and_the_cookie_is_a_careful_one(server: Server) -> None:
    visitor = Visitor(server.page)
    assert visitor.login("wrong").status == 403
    answer = visitor.login(password_of(server))
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert visitor.get("/").status == 200
    assert visitor.get("/login").headers["location"] == "/"
    anew = Visitor(server.page)
    visit = hidden(anew.get("/login").text, "visit")
    login = anew.post("/login", {"password": password_of(server), "visit": visit})
    said = login.headers["set-cookie"].lower()
    for word in ("httponly", "samesite=strict", "path=/"):
        assert word in said
    assert visitor.send("/logout").status == 303
    assert visitor.get("/").status == 303


def test_a_cookie_of_another_making_opens_nothing(server: Server) -> None:
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    good = visitor.cookies["shutterpost"]
    for bad in ("", "x", good[:-1], good + "x", "\u00e9.a.b", good.replace(".", "", 1)):
        assert Visitor(server.page, {"shutterpost": bad}).get("/").status == 303


def test_a_session_ends_after_a_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from itsdangerous import TimestampSigner

    with opened(tmp_path) as page:
        client = page.owner()
        assert client.get("/").status_code == 200
        later = TimestampSigner("").get_timestamp() + LIFETIME + 1
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: later)
        assert client.get("/").status_code == 303


def test_forms_that_are_not_ours_change_nothing(server: Server) -> None:
    visitor, other = Visitor(server.page), Visitor(server.page)
    visitor.login(password_of(server))
    other.login(password_of(server))
    foreign = hidden(other.get("/deliveries").text, "token")
    own = hidden(visitor.get("/deliveries").text, "token")
    origin = f"http://127.0.0.1:{server.page}"
    for token, headers, status in (
        ("", {}, 403),
        (foreign, {}, 403),
        ("\u20ac", {}, 403),
        (own, {"Origin": "http://evil.example"}, 403),
        (own, {"Origin": "null"}, 403),
        (own, {"Sec_Fetch_Site": "cross-site"}, 403),
        (own, {"Origin": origin, "Sec_Fetch_Site": "same-origin"}, 303),
    ):
        answer = visitor.post("/deliveries/retry", {"token": token}, **headers)
        assert answer.status == status, (token, headers)
    assert visitor.get("/deliveries/retry").status == 405
    assert visitor.post("/deliveries/retry", {"token": own, "more": "x" * 65536}).status == 413
    chunked = {"Transfer_Encoding": "chunked", "Content_Length": "10"}
    assert visitor.post("/deliveries/retry", {}, **chunked).status in (400, 413)
    login = {"password": password_of(server), "visit": "another"}
    assert Visitor(server.page).post("/login", login).status == 403


def test_ten_wrong_passwords_shut_an_address_out(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        stranger = page.visitor("192.168.1.66")

        def login(client: object, password: str) -> int:
            visit = hidden(client.get("/login").text, "visit")  # type: ignore[attr-defined]
            answer = client.post("/login", data={"password": password, "visit": visit})  # type: ignore[attr-defined]
            return int(answer.status_code)

        assert [login(stranger, "wrong") for _ in range(10)] == [403] * 10
        assert login(stranger, PASSWORD) == 429
        assert login(page.visitor("192.168.1.67"), PASSWORD) == 303
        page.now += 301
        assert login(stranger, PASSWORD) == 303


def test_many_tries_at_once_are_ten(tmp_path: Path) -> None:
    async def guess(entry: Entry) -> list[bool | BaseException]:
        tries = (entry.admit("192.168.1.66", "wrong") for _ in range(50))
        return await asyncio.gather(*tries, return_exceptions=True)

    with opened(tmp_path) as page:
        entry = Entry(PagePassword(page.config), "key", lambda: page.now)
        answers = asyncio.run(guess(entry))
    assert answers.count(False) == 10
    assert sum(isinstance(answer, TooManyTries) for answer in answers) == 40


@pytest.mark.parametrize(
    "written",
    [
        *("", "\n", "made", "made ", "short", "scrypt", "scrypt abc", "scrypt !!!! ????", "\xff"),
        *("two\nlines of text", "$scrypt$", "$scrypt$ln=14,r=8,p=5$abc", "$2b$12$abcdefghijkl"),
        *(
            "$scrypt$ln=99,r=99,p=1$abcd$abcd",
            "$scrypt$ln=14,r=0,p=1$abcd$abcd",
            "scrypt YQ== YQ==",
        ),
    ],
)
def test_a_password_file_of_another_making_opens_nothing(server: Server, written: str) -> None:
    file = server.folder / "data" / "password"
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    file.write_bytes(written.encode("latin-1"))
    stranger = Visitor(server.page)
    stranger.cookies["shutterpost-visit"] = "mine"
    for password in ("", written, "abc"):
        visit = hidden(stranger.get("/login").text, "visit")
        assert stranger.post("/login", {"password": password, "visit": visit}).status == 503
        other = Visitor(server.page)
        other.cookies = dict(visitor.cookies)
        assert other.get("/").status == 503
        assert other.post("/login", {"password": password, "visit": ""}).status == 503
    status, said = shutterpost(server.folder, "password")
    assert status == 1
    assert "remove it" in said or "cannot be read" in said
    server.stop()
    with pytest.raises(AssertionError, match="data/password"):
        server.start()


def test_a_password_file_holds_a_password_or_a_hash_with_its_parameters(server: Server) -> None:
    file = server.folder / "data" / "password"
    assert file.read_text() == password_of(server) + "\n"
    file.write_text("what a person wrote\n")
    assert Visitor(server.page).login("what a person wrote").status == 303
    assert shutterpost(server.folder, "password") == (0, "what a person wrote\n")
    shutterpost(server.folder, "password", "--set", typed="a much better one\n")
    assert re.fullmatch(r"\$scrypt\$ln=14,r=8,p=5\$\S{22}\$\S{86}\n", file.read_text())


def test_a_hash_of_the_first_release_is_made_anew_at_login(server: Server) -> None:
    file = server.folder / "data" / "password"
    salt = b"0123456789abcdef"
    hashed = hashlib.scrypt(b"from long ago", salt=salt, n=2**14, r=8, p=1, dklen=64)
    old = f"scrypt {base64.b64encode(salt).decode()} {base64.b64encode(hashed).decode()}\n"
    file.write_text(old)
    visitor = Visitor(server.page)
    assert visitor.login("wrong").status == 403
    assert file.read_text() == old
    assert visitor.login("from long ago").status == 303
    assert file.read_text().startswith("$scrypt$ln=14,r=8,p=5$")
    assert visitor.get("/").status == 200
    assert Visitor(server.page).login("from long ago").status == 303
    file.write_text("made abcd-efgh-jkmn-pqrs\n")
    assert Visitor(server.page).login("abcd-efgh-jkmn-pqrs").status == 303


def test_logging_out_ends_every_session(server: Server) -> None:
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    stolen = Visitor(server.page, dict(visitor.cookies))
    assert stolen.get("/").status == 200
    visitor.send("/logout")
    assert stolen.get("/").status == 303
    server.stop()
    server.start()
    stolen.port = server.page
    assert stolen.get("/").status == 303


def test_a_site_that_is_led_here_by_dns_gets_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, 'hosts = ["photos.example.org"]') as page:
        client = page.owner()
        for host, status in (
            ("evil.example", 421),
            ("127.0.0.1.evil.example", 421),
            ("[::1", 421),
            ("", 421),
            ("192.168.1.23:8081", 200),
            ("[::1]:8081", 200),
            ("LOCALHOST:8081", 200),
            ("photos.example.org", 200),
        ):
            assert client.get("/deliveries", headers={"Host": host}).status_code == status, host
        assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 200


def test_every_answer_says_what_browsers_may_do(server: Server) -> None:
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    for path in ("/", "/login", "/photos/4711", "/static/live.js", "/healthz", "/metrics"):
        headers = visitor.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        cached = "no-cache" if path.startswith("/static/") else "no-store"
        assert headers["cache-control"] == cached


def test_an_error_of_ours_is_said_safely(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        client = page.owner()
        client = TestClient(
            page.app,
            "http://127.0.0.1:8081",
            cookies=dict(client.cookies),
            raise_server_exceptions=False,
        )
        (tmp_path / "data" / "shutterpost.db").rename(tmp_path / "gone")  # every read fails
        answer = client.get("/")
        assert (answer.status_code, answer.text) == (500, "an error of the server, see its log\n")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        health = client.get("/healthz")
        gone = "the database was removed or replaced: restart"
        assert (health.status_code, health.text) == (503, f"no photo can be taken: {gone}\n")


def test_people_who_only_wait_do_not_keep_cameras_out(server: Server) -> None:
    waiting = [socket.create_connection(("127.0.0.1", server.page)) for _ in range(300)]
    try:
        for sock in waiting[::2]:
            with suppress(OSError):
                sock.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        eventually(lambda: _open_files(server) < 200)
        assert Visitor(server.page).get("/login").status == 200
        assert server.ask(recording("email-nx300")).status == 200
    finally:
        for sock in waiting:
            sock.close()


def _open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def test_the_password_is_shown_by_its_command_and_in_no_log(server: Server) -> None:
    assert shutterpost(server.folder, "password") == (0, password_of(server) + "\n")
    assert "shutterpost password" in server.output
    assert password_of(server) not in server.output
    file = server.folder / "data" / "password"
    assert file.stat().st_mode & 0o777 == 0o600


def test_another_password_ends_every_session(server: Server) -> None:
    visitor = Visitor(server.page)
    visitor.login(password_of(server))
    assert shutterpost(server.folder, "password", "--set", typed="short\n")[0] == 1
    assert visitor.get("/").status == 200
    status, said = shutterpost(server.folder, "password", "--set", typed="a much better one\n")
    assert (status, "a much better one" in said) == (0, False)
    assert visitor.get("/").status == 303
    assert visitor.login("a much better one").status == 303
    assert b"better" not in (server.folder / "data" / "password").read_bytes()
    status, said = shutterpost(server.folder, "password")
    assert status == 1
    assert "--set" in said


def test_a_configured_password_is_the_one(start_server: StartServer) -> None:
    server = start_server('[web]\npassword = "from the file"\n')
    assert Visitor(server.page).login("from the file").status == 303
    assert not (server.folder / "data" / "password").exists()
    status, said = shutterpost(server.folder, "password", "-c", "config.toml")
    assert (status, "from the file" in said) == (0, False)
    assert shutterpost(server.folder, "password", "--set", "-c", "config.toml")[0] == 1


def test_a_new_password_is_printed_once_on_a_terminal(tmp_path: Path) -> None:
    def start() -> str:
        main, side = pty.openpty()
        process = subprocess.Popen(
            [*SHUTTERPOST, "serve", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0"],
            cwd=tmp_path,
            stdout=side,
            stderr=side,
        )
        said = b""

        def whole() -> bool:
            nonlocal said
            said += os.read(main, 4096)
            return b"mail:" in said

        eventually(whole)
        process.kill()
        process.wait()
        os.close(main)
        os.close(side)
        return said.decode()

    first = start()
    password = (tmp_path / "data" / "password").read_text().strip()
    assert password in first
    assert password not in start()
