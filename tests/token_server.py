"""A token server on loopback, in the words of Microsoft's and Google's."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

EXPIRED = (
    "AADSTS700082: The refresh token has expired due to inactivity.\r\n"
    "Trace ID: 0000\r\nCorrelation ID: 0000\r\nTimestamp: 2024-01-01 00:00:00Z"
)


@dataclass
class FakeTokenServer:
    """State of the server, and what it answers next.

    `script` has what is answered instead, used up one by one: (status, object or bytes).
    """

    url: str = ""
    good: set[str] = field(default_factory=lambda: {"refresh-0"})
    asked: list[dict[str, str]] = field(default_factory=list)
    script: list[tuple[int, Any]] = field(default_factory=list)
    rotates: bool = True
    made: int = 0
    lifetime: Any = 3599

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        self.asked.append({"path": path, **form})
        if self.script:
            return self.script.pop(0)
        if path == "/oauth2/v2.0/devicecode":
            return 200, {
                "user_code": "C7XKR9",
                "device_code": "the-device",
                "verification_uri": "https://microsoft.com/devicelogin",
                "expires_in": 900,
                "interval": 1,
                "message": "To sign in, use a web browser",
            }
        is_device = form["grant_type"].endswith("device_code")
        if not is_device and form["refresh_token"] not in self.good:
            return 400, {"error": "invalid_grant", "error_description": EXPIRED}
        self.made += 1
        found = {"token_type": "Bearer", "access_token": f"access-{self.made}"}
        if self.lifetime is not None:
            found["expires_in"] = self.lifetime
        if self.rotates or is_device:
            found["refresh_token"] = f"refresh-{self.made}"
            self.good.add(f"refresh-{self.made}")
        return 200, found


@contextmanager
def token_server() -> Iterator[FakeTokenServer]:
    """Run it."""
    state = FakeTokenServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, found = state.answer(self.path, dict(parse_qsl(body)))
            data = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/oauth2/v2.0/token"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
