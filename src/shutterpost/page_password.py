"""The page's password: configured, set by a person, or made at the first start.

One that a person chose is kept as its scrypt hash. One that was made is kept as it is, in
the data folder and for its owner alone, so that `shutterpost password` can show it again.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from shutterpost.config import Config
from shutterpost.private import write_private

_COST = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and some 50 ms
_WORDS = 4
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


@dataclass(frozen=True, slots=True)
class Password:
    """What is known of the password: itself, if it may be shown, and its hash."""

    shown: str
    salt: bytes
    hash: bytes
    made_now: bool = False

    def verify(self, candidate: str) -> bool:
        """Whether this is the password (slow on purpose; use a thread)."""
        return hmac.compare_digest(_hashed(candidate, self.salt), self.hash)


class PagePassword:
    """Where the password is kept."""

    def __init__(self, config: Config) -> None:
        self._configured = config.web.password.reveal()
        self._file = config.storage.data / "password"
        self._known: tuple[float, Password] | None = None

    @property
    def is_configured(self) -> bool:
        """Whether it is in the configuration, and so not ours to change."""
        return bool(self._configured)

    def current(self) -> Password:
        """The password, made now if there is none. Raises OSError."""
        if self._configured:
            return self._remembered(0.0, "made " + self._configured)
        if not self._file.exists():
            made = "-".join(
                "".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_WORDS)
            )
            self._write(f"made {made}")
            found = self._remembered(self._file.stat().st_mtime, f"made {made}")
            return Password(found.shown, found.salt, found.hash, made_now=True)
        return self._remembered(self._file.stat().st_mtime, self._file.read_text("ascii").strip())

    def choose(self, password: str) -> None:
        """Keep a password that a person chose, as its hash. Raises OSError."""
        salt = secrets.token_bytes(16)
        parts = (base64.b64encode(part).decode() for part in (salt, _hashed(password, salt)))
        self._write(" ".join(("scrypt", *parts)))

    def _remembered(self, when: float, text: str) -> Password:
        """What a text means; hashing it anew only when it changed."""
        if self._known is None or self._known[0] != when:
            self._known = (when, _read(text))
        return self._known[1]

    def _write(self, text: str) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._file, text + "\n")


def _read(text: str) -> Password:
    kind, _, rest = text.partition(" ")
    if kind == "scrypt":
        salt, hashed = (base64.b64decode(part) for part in rest.split())
        return Password("", salt, hashed)
    salt = secrets.token_bytes(16)
    return Password(rest, salt, _hashed(rest, salt))


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, **_COST)
