"""Who may see the page: a password, a signed cookie, a token in every form."""

import asyncio
import hmac
import secrets
from collections.abc import Callable

from itsdangerous import BadData, TimestampSigner

from shutterpost.limits import Tries
from shutterpost.page_password import PagePassword
from shutterpost.threads import in_thread

COOKIE = "shutterpost"
VISIT = "shutterpost-visit"
LIFETIME = 30 * 86400
"""Seconds until one has to log in again."""


class TooManyTries(Exception):
    """An address has been wrong too often, and is not listened to for a while."""


class Entry:
    """Sessions of people. The key is the folder secret.

    A new password ends them all, and so does whoever logs out.
    """

    def __init__(self, password: PagePassword, key: str, clock: Callable[[], float]) -> None:
        self._password = password
        self._key = key.encode()
        self._clock = clock
        self._tries = Tries()
        self._turn = asyncio.Semaphore(1)

    async def admit(self, client: str, candidate: str) -> bool:
        """Whether this is the password, from an address. Raises TooManyTries.

        A try counts before it is looked at, and one is looked at after the other: many at
        once gain nothing, and cost one thread.
        """
        now = self._clock()
        if self._tries.is_shut_out(client, now):
            raise TooManyTries
        self._tries.failed(client, now)
        async with self._turn:
            known = await asyncio.to_thread(self._password.verify, candidate)
        if known:
            self._tries.succeeded(client)
        return known

    def end_sessions(self) -> None:
        """End every session (blocking). Raises PasswordFileError."""
        self._password.end_sessions()

    async def cookie(self) -> str:
        """A new session's cookie. Raises PasswordFileError."""
        return (await self._signer()).sign(secrets.token_urlsafe(16)).decode()

    async def session(self, cookie: str | None) -> str:
        """The session of a cookie; empty if there is none, or none any more.

        Raises PasswordFileError.
        """
        if not cookie:
            return ""
        try:
            return (await self._signer()).unsign(cookie, max_age=LIFETIME).decode()
        except BadData:
            return ""

    def token(self, session: str) -> str:
        """What every form of a session has to carry."""
        return hmac.digest(self._key, f"form {session}".encode(), "sha256").hex()

    def owns(self, session: str, token: str) -> bool:
        """Whether a form was ours."""
        return hmac.compare_digest(self.token(session).encode(), token.encode("utf-8", "replace"))

    async def _signer(self) -> TimestampSigner:
        proof = await in_thread(self._password.proof)  # it reads files, on a disk that may hang
        return TimestampSigner(hmac.digest(self._key, b"cookie" + proof, "sha256"))
