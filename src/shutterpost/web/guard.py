"""Around the whole page: by which name it is called, who asks, and what browsers may do."""

import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shutterpost.page_password import PasswordFileError
from shutterpost.web.entry import COOKIE, Entry

log = logging.getLogger(__name__)

FORM_LIMIT = 64 * 1024
"""The most bytes of a form."""

Folders = Callable[[str], bool]
"""Whether a name may be that of a shared folder."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_OPEN = ("/login", "/healthz", "/metrics", "/static/", "/setup/mastodon/back")


class Guard:
    """Lets through who may, and adds what every answer has to say."""

    def __init__(self, app: ASGIApp, entry: Entry, hosts: Sequence[str], folders: Folders) -> None:
        self._app = app
        self._entry = entry
        name = socket.gethostname().lower()
        self._hosts = {"localhost", name, name.partition(".")[0] + ".local"}
        self._hosts |= {host.lower() for host in hosts}
        self._folders = folders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        state = scope.setdefault("state", {})
        try:
            state["session"] = await self._entry.session(request.cookies.get(COOKIE))
            refused = self._refusal(request, state["session"])
        except PasswordFileError as error:
            refused = no_password(error)
        app = self._app if refused is None else refused

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                is_static = request.url.path.startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if is_static else "no-store")
            await send(message)

        await app(scope, receive, guarded)

    def _refusal(self, request: Request, session: str) -> Response | None:
        """Why a request is not let through, or nothing."""
        if request.url.path != "/healthz" and not self._is_ours(request.headers.get("Host", "")):
            said = "this page is not called so: name it in [web] hosts\n"
            return PlainTextResponse(said, 421)
        if request.method not in ("GET", "HEAD"):
            length = request.headers.get("Content-Length", "")
            chunked = "Transfer-Encoding" in request.headers  # counts more than the length
            if chunked or not length.isdigit() or int(length) > FORM_LIMIT:
                return PlainTextResponse("the form is too large\n", 413)
            if not _is_same_origin(request):
                return PlainTextResponse("this form was not ours\n", 403)
        if session or self._is_open(request.url.path):
            return None
        if request.headers.get("Sec-Fetch-Dest", "document") != "document":
            return PlainTextResponse("log in first\n", 401)
        return RedirectResponse("/login", 303)

    def _is_open(self, path: str) -> bool:
        """Whether everyone may ask for a path; shared folders know whom they show themselves."""
        if path.startswith(_OPEN):
            return True
        return self._folders(path.split("/")[1])

    def _is_ours(self, host: str) -> bool:
        """Whether a name may be this page's: a site that is led here by DNS must not be it."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True


def no_password(error: PasswordFileError) -> Response:
    """What a visitor is told while the password cannot be read."""
    log.error("%s", error)
    return PlainTextResponse("the password cannot be read, see the log\n", 503)


def _is_same_origin(request: Request) -> bool:
    """Whether a form was sent by a page of ours, as far as the browser says."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")
