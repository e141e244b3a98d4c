"""Logging in at a server that someone typed: nothing inside is asked, nothing grows."""

import asyncio
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from shutterpost.actions.addresses import is_public
from shutterpost.actions.mastodon_login import (
    SCOPES,
    App,
    InsideNetwork,
    LoginFailed,
    register,
    token,
)
from tests.far_ends import FakeMastodon, Raw
from tests.net import two_hosts
from tests.support import eventually

JSON = {"Content-Type": "application/json"}
NAMES = {
    "localhost": "http://localhost",
    "loopback": "http://127.0.0.1",
    "a short form": "http://127.1",
    "one number": "http://2130706433",
    "IPv6": "http://[::1]",
    "IPv4 in IPv6": "http://[::ffff:127.0.0.1]",
}


@pytest.mark.parametrize("where", NAMES.values(), ids=NAMES.keys())
def test_nothing_inside_is_asked_before_the_owner_says_so(
    mastodon: FakeMastodon, where: str
) -> None:
    url = f"{where}:{mastodon.url.rpartition(':')[2]}"
    with pytest.raises(InsideNetwork, match="inside your own network"):
        asyncio.run(register(url))
    with pytest.raises(InsideNetwork):
        asyncio.run(token(App(url, "the-id", "the-secret"), "the-code"))
    assert mastodon.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::fb", False),
        ("::ffff:192.168.1.1", False),
        ("64:ff9b::c0a8:101", False),
        ("64:ff9b::101:101", True),
        ("2002:c0a8:101::1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_the_owners_own_server_is_logged_in_to(mastodon: FakeMastodon) -> None:
    app = asyncio.run(register(mastodon.url, inside=True))
    assert app.inside
    assert asyncio.run(token(app, "the-code")) == "t0ken"
    assert f"scope={SCOPES.replace(' ', '+').replace(':', '%3A')}" in app.authorization_url()


def test_a_name_that_is_not_known_is_said() -> None:
    with pytest.raises(LoginFailed, match=r"no-such\.invalid cannot be reached"):
        asyncio.run(register("https://no-such.invalid"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Raw(307, {"Location": "/elsewhere"}, b""), "elsewhere is where it leads"),
        (Raw(200, {"Content-Type": "text/html"}, b"<title>Hi</title>"), "is the url right"),
        (Raw(200, JSON, b"null"), "does not answer like a Mastodon server"),
        (Raw(200, JSON, b"{}"), "does not say the access_token"),
        (Raw(200, JSON, b'{"access_token": null}'), "does not say the access_token"),
        (Raw(200, JSON, b"[" * 900_000), "does not answer like"),
        (
            Raw(200, JSON | {"Content-Encoding": "gzip"}, gzip.compress(b"0" * (32 << 20))),
            "does not answer like",
        ),
        (Raw(400, JSON, b'{"error_description": "Der Code ist falsch"}'), "400: Der Code ist"),
        (Raw(502, {}, b"Bad gateway"), "says 502"),
    ],
)
def test_a_server_that_does_not_play_along(mastodon: FakeMastodon, answer: Raw, said: str) -> None:
    mastodon.script = {"POST /oauth/token": [answer]}
    app = App(mastodon.url, "the-id", "the-secret", inside=True)
    with pytest.raises(LoginFailed, match=said) as error:
        asyncio.run(token(app, "the-code"))
    assert "the-secret" not in str(error.value)
    assert mastodon.asked == ["POST /oauth/token"]  # and nobody else, with the secret


FAR_SERVER = """
import http.server, json, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print(self.headers["Host"], self.path, flush=True)
        data = json.dumps({"client_id": "i", "client_secret": "s", "access_token": "t0ken"})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())

server = http.server.HTTPServer((sys.argv[1], 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""


def test_a_server_of_the_internet_is_asked_under_its_name(tmp_path: Path) -> None:
    """By the address that was looked at; its certificate is for the name."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("photog.test").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "server.pem"
    )
    with two_hosts("splogin", ("198.41.0.4", "198.41.0.5")) as (far, near):
        hosts = Path("/etc/netns") / near.name / "hosts"
        hosts.write_text("198.41.0.4 photog.test\n198.41.0.4 other.test\n")
        log = tmp_path / "log"
        with log.open("w") as out:
            command = [sys.executable, "-c", FAR_SERVER, far.address, str(tmp_path / "server.pem")]
            server = subprocess.Popen(far.command(*command), stdout=out, stderr=out)
        try:
            eventually(lambda: "ready" in log.read_text())

            def login(url: str) -> subprocess.CompletedProcess[str]:
                return subprocess.run(
                    near.command(sys.executable, "-m", "shutterpost", "login", "mastodon", url),
                    cwd=tmp_path,
                    input="code\n",
                    capture_output=True,
                    text=True,
                    check=False,
                    env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
                )

            done = login("https://photog.test")
            assert done.returncode == 0, done.stderr
            assert "https://photog.test/oauth/authorize?" in done.stdout
            secret = (tmp_path / "mastodon.secret").read_text().split()
            assert secret == ["t0ken", "https://photog.test", "i", "s"]
            assert "certificate" in login("https://other.test").stderr.lower()
        finally:
            server.kill()
            server.wait()
    asked = [line for line in log.read_text().splitlines() if line.startswith("photog")]
    assert asked == ["photog.test /api/v1/apps", "photog.test /oauth/token"]
