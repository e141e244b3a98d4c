"""Who may see the page: a password, a signed cookie, a token in every form."""

import hashlib
import hmac
import secrets

from itsdangerous import BadData, TimestampSigner

from shutterpost.limits import Tries
from shutterpost.page_password import PagePassword

COOKIE = "shutterpost"
VISIT = "shutterpost-visit"
LIFETIME = 30 * 86400
"""Seconds until one has to log in again."""


class Entry:
    """Sessions of people. The key is the folder secret; a new password ends them all."""

    def __init__(self, password: PagePassword, key: str) -> None:
        self._password = password
        self._key = key.encode()
        self.tries = Tries()

    def verify(self, candidate: str) -> bool:
        """Whether this is the password (blocking; use a thread)."""
        return self._password.current().verify(candidate)

    def cookie(self) -> str:
        """A new session's cookie."""
        return self._signer().sign(secrets.token_urlsafe(16)).decode()

    def session(self, cookie: str | None) -> str:
        """The session of a cookie; empty if there is none, or none any more."""
        if not cookie:
            return ""
        try:
            return self._signer().unsign(cookie, max_age=LIFETIME).decode()
        except BadData:
            return ""

    def token(self, session: str) -> str:
        """What every form of a session has to carry."""
        return hmac.digest(self._key, f"form {session}".encode(), "sha256").hex()

    def owns(self, session: str, token: str) -> bool:
        """Whether a form was ours."""
        return hmac.compare_digest(self.token(session).encode(), token.encode("utf-8", "replace"))

    def _signer(self) -> TimestampSigner:
        known = self._password.current()
        proof = hashlib.sha256(known.shown.encode() if known.shown else known.hash).digest()
        return TimestampSigner(hmac.digest(self._key, b"cookie" + proof, "sha256"))
