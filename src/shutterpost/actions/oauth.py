"""Access tokens for mail servers that take no password (OAuth 2: RFC 6749), as XOAUTH2 has them.

Microsoft hands out a new refresh token with each access token, and an old one ends after
90 days: the newest is kept in the data folder, for as long as it descends from the
configured one.
"""

import asyncio
import hashlib
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shutterpost.actions import DeliveryError, MisconfiguredError, PermanentError, TemporaryError
from shutterpost.actions.far_http import Server
from shutterpost.config.settings import OAuth
from shutterpost.durable import write_private
from shutterpost.wire.text import one_line

log = logging.getLogger(__name__)

_EARLY = 60.0  # seconds before its end that an access token is renewed
_LIFETIME = 300.0  # seconds that one is used whose end is not told
_LONGEST = 86400.0
_SAID_LIMIT = 300
_TOKEN_LIMIT = 16 * 1024
_PASSING = ("temporarily_unavailable", "server_error", "slow_down")


class Refused(DeliveryError):
    """The server says no; `error` is the word for it (RFC 6749, 5.2; RFC 8628, 3.5)."""

    def __init__(self, url: str, error: str, description: str) -> None:
        super().__init__(f"{url} says {error}: {description}" if description else f"{url}: {error}")
        self.error = error


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens. `lifetime` is in seconds; there may be no new refresh token."""

    access_token: str
    refresh_token: str
    lifetime: float


async def ask(url: str, form: Mapping[str, str]) -> dict[str, Any]:
    """What a server answers to a form. Raises Refused, and DeliveryError as `Server.ask` does."""
    parts = urlsplit(url)
    path = url.removeprefix(f"{parts.scheme}://{parts.netloc}") or "/"
    base = f"{parts.scheme}://{parts.netloc}"
    async with Server(base, ssl.create_default_context()) as server:
        answer = await server.ask("POST", path, also=(400, 401, 403), data=dict(form))
    found = answer.json()
    if not isinstance(found, dict):
        raise TemporaryError(f"{url} did not answer with a JSON object")
    if answer.status >= 400 or "error" in found:
        error = one_line(str(found.get("error") or answer.status), _SAID_LIMIT)
        raise Refused(url, error, one_line(str(found.get("error_description") or ""), _SAID_LIMIT))
    return found


async def grant(url: str, form: Mapping[str, str]) -> Granted:
    """Tokens for what the form has. Raises Refused or another DeliveryError."""
    found = await ask(url, form)
    access, refresh = (
        one_line(str(found.get(name) or ""), _TOKEN_LIMIT)
        for name in ("access_token", "refresh_token")
    )
    if not access:
        raise TemporaryError(f"{url} does not say the access_token")
    return Granted(access, refresh, seconds(found.get("expires_in"), _LIFETIME, _LONGEST))


def seconds(value: object, default: float, most: float) -> float:
    """A time that a server says, as a number or (Microsoft, once) as text."""
    try:
        found = float(value) if isinstance(value, int | float | str) else default
    except (ValueError, OverflowError):
        return default
    return min(found, most) if found > 0 else default


class AccessTokens:
    """Gets access tokens, each as often as it must be. For several threads."""

    def __init__(self, settings: OAuth) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def current(self) -> str:
        """An access token that is good for a while (blocking, in a thread without a loop).

        Raises MisconfiguredError if the login is no longer good, TemporaryError if the
        server cannot be asked.
        """
        with self._lock:
            if not self._token or time.monotonic() >= self._until:
                self._renew()
            return self._token

    def forget(self) -> None:
        """The mail server does not take the current one."""
        with self._lock:
            self._token = ""

    def _renew(self) -> None:
        settings = self._settings
        configured = settings.refresh_token.reveal()
        refused: Refused | None = None
        for refresh_token in dict.fromkeys(filter(None, (self._newest(), configured))):
            form = {
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
                "client_id": settings.client_id,
            }
            if settings.client_secret:
                form["client_secret"] = settings.client_secret.reveal()
            try:
                granted = asyncio.run(grant(settings.token_url, form))
            except Refused as error:
                refused = error
                continue
            except PermanentError as error:  # no fault of any mail's
                raise MisconfiguredError(f"{error}: is token_url right?") from None
            self._token = granted.access_token
            self._until = time.monotonic() + granted.lifetime - _EARLY
            if granted.refresh_token not in ("", refresh_token):
                self._keep(granted.refresh_token)
            return
        assert refused is not None
        if refused.error in _PASSING:
            raise TemporaryError(str(refused))
        raise MisconfiguredError(f"{refused}: log in again with `shutterpost login email`")

    def _newest(self) -> str:
        """The newest refresh token that came from the configured one, if one was kept."""
        file = self._settings.kept
        if file is None:
            return ""
        try:
            token, origin = file.read_text("utf-8").split()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read, the configured refresh token is used: %s", file, error)
            return ""
        return token if origin == self._origin() else ""

    def _keep(self, refresh_token: str) -> None:
        if self._settings.kept is None:
            return
        try:
            write_private(self._settings.kept, f"{refresh_token}\n{self._origin()}\n")
        except OSError as error:  # the one before is good for a while
            log.warning("%s cannot be written: %s", self._settings.kept, error.strerror)

    def _origin(self) -> str:
        return hashlib.sha256(self._settings.refresh_token.reveal().encode()).hexdigest()
