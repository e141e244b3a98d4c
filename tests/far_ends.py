"""A Mastodon on loopback that behaves as badly as it is told to.

It answers as real servers were seen to answer, in their words: Mastodon's from its locales,
GoToSocial's and takahe's from runs of both.
"""

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

WORDS = {
    "en": {
        "not ready": "Cannot attach files that have not finished processing. "
        "Try again in a moment!",
        "not found": "Media {} not found or already attached to another post",
        "mixed": "Cannot attach a video to a post that already contains images",
        "too many": "Cannot attach more than {} files",
        "too long": "Validation failed: Text character limit of {} exceeded",
    },
    "de": {
        "not ready": "Dateien, die noch nicht bearbeitet wurden, können nicht angehängt werden. "
        "Versuche es gleich noch einmal!",
        "not found": "{} wurde nicht gefunden oder gehört schon zu einem anderen Beitrag",
        "mixed": "Es kann kein Video an einen Beitrag, der bereits Bilder enthält, "
        "angehängt werden",
        "too many": "Es können nicht mehr als {} Dateien angehängt werden",
        "too long": "Gültigkeitsprüfung ist fehlgeschlagen: Zeichenlimit von {} überschritten",
    },
}
SCOPES = frozenset(("read:accounts", "read:statuses", "write:statuses", "write:media"))
NEEDED = {
    "GET /api/v1/accounts/verify_credentials": "read:accounts",
    "GET /api/v1/accounts/7/statuses": "read:statuses",
    "POST /api/v2/media": "write:media",
    "POST /api/v1/statuses": "write:statuses",
}


@dataclass(frozen=True)
class Raw:
    """An answer byte for byte, below its head."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Media:
    """An uploaded file."""

    id: str
    data: bytes
    media_type: str
    description: str | None
    polls: int
    post: str = ""
    """The post that shows it."""


@dataclass
class FakeMastodon:
    """State of the server, and what it is to do with the next requests.

    `script` maps "METHOD path" to a list of moods, used up one per request: a status, a
    (status, headers) pair, a Raw answer, "drop" (no answer), or "drop-after" (does it, then
    no answer).
    """

    media: dict[str, Media] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    script: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    polls: int = 0
    uploads: int = 0
    token: str = "t0ken"
    characters: int = 500
    max_media: int = 4
    description_limit: int = 1500
    types: tuple[str, ...] = ()
    language: str = "en"
    scopes: frozenset[str] = SCOPES
    knows_keys: bool = True
    media_told: bool = True
    """Whether an uploaded file may be asked for (takahe wants read:media for it)."""
    attached_status: int = 422
    """What a post gets whose files another one has: GoToSocial says 400."""
    instance: Any = None
    """What is said of the instance, instead of the truth."""
    headers: list[dict[str, str]] = field(default_factory=list)
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
        state.headers.append({name.lower(): value for name, value in self.headers.items()})
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
        if isinstance(mood, Raw):
            self._send(mood.status, mood.headers, mood.body)
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

    def _do(self, what: str, body: bytes) -> tuple[int, Any]:
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
        if NEEDED.get(what, "write:media") not in state.scopes:
            return 403, {"error": "This action is outside the authorized scopes"}
        if what in ("GET /api/v2/instance", "GET /api/v1/instance"):
            return 200, self._instance() if state.instance is None else state.instance
        if what == "GET /api/v1/apps/verify_credentials":
            return 200, {"name": "Shutterpost"}
        if what == "GET /api/v1/accounts/verify_credentials":
            return 200, {"id": "7", "acct": "me"}
        if what == "GET /api/v1/accounts/7/statuses":
            return 200, state.posts[::-1][:40]
        if what == "POST /api/v2/media":
            return self._upload(body)
        if what == "GET /api/v1/media/:id":
            return self._look()
        if what == "POST /api/v1/statuses":
            return self._post(json.loads(body))
        return 404, {"error": "nothing here"}

    def _instance(self) -> dict[str, Any]:
        state = self.server.state
        statuses = {
            "max_characters": state.characters,
            "max_media_attachments": state.max_media,
            "characters_reserved_per_url": 23,
        }
        media: dict[str, Any] = {"description_limit": state.description_limit}
        if state.types:
            media["supported_mime_types"] = list(state.types)
        return {"configuration": {"statuses": statuses, "media_attachments": media}}

    def _look(self) -> tuple[int, dict[str, Any]]:
        state = self.server.state
        if not state.media_told:
            return 403, {"error": "missing_scope"}
        found = state.media.get(self.path.rpartition("/")[2])
        if found is None or found.post:  # Mastodon looks among those that no post shows
            return 404, {"error": "Record not found"}
        found.polls -= 1
        return (206 if found.polls >= 0 else 200), {"id": found.id}

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
        state.uploads += 1
        found = Media(
            id=str(state.uploads),
            data=data,
            media_type=file.get_content_type(),
            description=said.decode() if isinstance(said, bytes) else None,
            polls=state.polls,
        )
        if found.description and len(found.description) > state.description_limit:
            return 400, {"error": "Bad Request: media description exceeds limit"}
        if state.types and found.media_type not in state.types:
            return 422, {"error": "Validation failed: File content type is invalid"}
        state.media[found.id] = found
        if state.polls:
            return 202, {"id": found.id, "url": None}
        return 200, {"id": found.id, "url": f"{state.url}/files/{found.id}"}

    def _post(self, status: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        state = self.server.state
        key = self.headers["Idempotency-Key"]
        if key in state.keys and state.knows_keys:
            return 200, state.keys[key]
        words = WORDS[state.language]
        shown = [state.media.get(media) for media in status["media_ids"]]
        files = [file for file in shown if file is not None]
        if len(files) < len(shown) or any(file.post for file in files):
            ids = ", ".join(status["media_ids"])
            return state.attached_status, {"error": words["not found"].format(ids)}
        if len(files) > state.max_media:
            return 422, {"error": words["too many"].format(state.max_media)}
        if len(files) > 1 and any(file.media_type.startswith("video/") for file in files):
            return 422, {"error": words["mixed"]}
        if any(file.polls > 0 for file in files):
            return 422, {"error": words["not ready"]}
        if len(status["status"]) > state.characters:
            return 422, {"error": words["too long"].format(state.characters)}
        number = str(len(state.posts) + 1)
        attached = [{"id": file.id} for file in files]
        made = {"id": number, "url": f"{state.url}/@me/{number}", "media_attachments": attached}
        made |= status
        for file in files:
            file.post = number
        state.posts.append(made)
        state.keys[key] = made
        return 200, made

    def _answer(self, status: int, found: Any, headers: dict[str, str]) -> None:
        head = {"Content-Type": "application/json", **headers}
        self._send(status, head, json.dumps(found).encode())

    def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
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
