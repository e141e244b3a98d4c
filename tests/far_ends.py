"""A Mastodon on loopback that behaves as badly as it is told to."""

import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode


@dataclass
class Media:
    """An uploaded file."""

    id: str
    data: bytes
    media_type: str
    description: str | None
    polls: int


@dataclass
class FakeMastodon:
    """State of the server, and what it is to do with the next requests.

    `script` maps "METHOD path" to a list of moods, used up one per request: a status, a
    (status, headers) pair, "drop" (no answer), or "drop-after" (does it, then no answer).
    """

    media: dict[str, Media] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    script: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    polls: int = 0
    token: str = "t0ken"
    characters: int = 500
    max_media: int = 4
    url: str = ""

    def mood(self, what: str) -> Any:
        moods = self.script.get(what, [])
        return moods.pop(0) if moods else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        state = self.server.state
        body = self._body()
        if body is None:  # the client is gone
            self.close_connection = True
            return
        path = re.sub(r"/media/\d+$", "/media/:id", self.path.partition("?")[0])
        what = f"{method} {path}"
        state.asked.append(what)
        if what == "GET /oauth/authorize":
            self._ask_person()
            return
        mood = state.mood(what)
        if mood == "drop":
            self.close_connection = True
            return
        if isinstance(mood, int | tuple):
            status, headers = mood if isinstance(mood, tuple) else (mood, {})
            self._answer(status, {"error": f"told to say {status}"}, headers)
            return
        with self.server.turn:
            status, found = self._do(what, body)
        if mood == "drop-after":
            self.close_connection = True
            return
        self._answer(status, found, {})

    def _ask_person(self) -> None:
        """The page on which a person allows the app to post."""
        query = {k: v[0] for k, v in parse_qs(self.path.partition("?")[2]).items()}
        assert query["redirect_uri"] == self.server.app["redirect_uris"]
        back = f"{query['redirect_uri']}?{urlencode({'code': 'the-code', 'state': query['state']})}"
        data = f'<title>Fake</title><a href="{escape(back)}">Authorize</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while (line := self.rfile.readline()).strip() not in (b"", b"0"):
                data += self.rfile.read(int(line, 16))
                self.rfile.readline()
            self.rfile.readline()
            return data if line else None
        length = int(self.headers.get("Content-Length", 0))
        data = self.rfile.read(length)
        return data if len(data) == length else None

    def _do(self, what: str, body: bytes) -> tuple[int, dict[str, Any]]:
        state = self.server.state
        if what == "POST /api/v1/apps":
            self.server.app = {k: v[0] for k, v in parse_qs(body.decode()).items()}
            return 200, {"client_id": "the-id", "client_secret": "the-secret"}
        if what == "POST /oauth/token":
            form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
            if form.get("code") != "the-code":
                return 400, {"error": "invalid_grant", "error_description": "no such code"}
            return 200, {"access_token": state.token}
        if self.headers.get("Authorization") != f"Bearer {state.token}":
            return 401, {"error": "The access token is invalid"}
        if what == "GET /api/v2/instance":
            statuses = {
                "max_characters": state.characters,
                "max_media_attachments": state.max_media,
            }
            return 200, {"configuration": {"statuses": statuses}}
        if what == "GET /api/v1/apps/verify_credentials":
            return 200, {"name": "Shutterpost"}
        if what == "POST /api/v2/media":
            return self._upload(body)
        if what == "GET /api/v1/media/:id":
            found = state.media.get(self.path.rpartition("/")[2])
            if found is None:
                return 404, {"error": "Record not found"}
            found.polls -= 1
            return (206 if found.polls >= 0 else 200), {"id": found.id}
        if what == "POST /api/v1/statuses":
            return self._post(json.loads(body))
        return 404, {"error": "nothing here"}

    def _upload(self, body: bytes) -> tuple[int, dict[str, Any]]:
        state = self.server.state
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = message_from_bytes(head + body, policy=policy.HTTP)
        assert isinstance(message, EmailMessage)
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in message.iter_parts()
        }
        file, text = parts["file"], parts.get("description")
        data, said = file.get_content(), text and text.get_payload(decode=True)
        assert isinstance(data, bytes)
        found = Media(
            id=str(len(state.media) + 1),
            data=data,
            media_type=file.get_content_type(),
            description=said.decode() if isinstance(said, bytes) else None,
            polls=state.polls,
        )
        state.media[found.id] = found
        return (202 if state.polls else 200), {"id": found.id}

    def _post(self, status: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        state = self.server.state
        key = self.headers["Idempotency-Key"]
        if key in state.keys:
            return 200, state.keys[key]
        unknown = [media for media in status["media_ids"] if media not in state.media]
        if unknown or len(status["media_ids"]) > state.max_media:
            return 422, {"error": "Validation failed: media attachments"}
        if len(status["status"]) > state.characters:
            return 422, {"error": "Validation failed: Text is too long"}
        number = len(state.posts) + 1
        made = {"id": str(number), "url": f"{state.url}/@me/{number}", **status}
        state.posts.append(made)
        state.keys[key] = made
        return 200, made

    def _answer(self, status: int, found: dict[str, Any], headers: dict[str, str]) -> None:
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: FakeMastodon
    app: dict[str, str]
    turn: threading.Lock

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of ours; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def fake_mastodon() -> Iterator[FakeMastodon]:
    """Run the server while the caller goes on."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.turn = threading.Lock()  # two uploads at once must not get one number
    server.state = FakeMastodon(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.state
    server.shutdown()
    thread.join()
    server.server_close()
