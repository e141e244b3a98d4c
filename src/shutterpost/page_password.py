"""The page's password: configured, set by a person, or made at the first start.

One that a person chose is kept as its scrypt hash. One that was made is kept as it is, in
the data folder and for its owner alone, so that `shutterpost password` can show it again.
"""

import base64
import contextlib
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from shutterpost.config import Config
from shutterpost.private import write_private

_COST = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and some 50 ms
_LENGTH = 64  # bytes of a hash
_WORDS = 4
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


class PasswordFileError(Exception):
    """The password's file cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Password:
    """A password: as it is, if it was made or configured, else its hash alone."""

    shown: str
    salt: bytes = b"a salt for those that are not hashed on disk"
    hash: bytes = b""
    made_now: bool = False

    def verify(self, candidate: str) -> bool:
        """Whether this is the password (slow on purpose; use a thread)."""
        known = self.hash or _hashed(self.shown, self.salt)
        return hmac.compare_digest(_hashed(candidate, self.salt), known)


class PagePassword:
    """Where the password is kept. All methods raise PasswordFileError."""

    def __init__(self, config: Config) -> None:
        self._configured = config.web.password.reveal()
        self._file = config.storage.data / "password"
        self._logged_out = config.storage.data / "logged-out"

    @property
    def is_configured(self) -> bool:
        """Whether it is in the configuration, and so not ours to change."""
        return bool(self._configured)

    def current(self) -> Password:
        """The password, made now if there is none."""
        if self._configured:
            return Password(self._configured)
        text = _read(self._file)
        if text is not None:
            return self._understood(text)
        made = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_WORDS))
        _write(self._file, f"made {made}")
        return Password(made, made_now=True)

    def choose(self, password: str) -> None:
        """Keep a password that a person chose, as its hash."""
        salt = secrets.token_bytes(16)
        parts = (base64.b64encode(part).decode() for part in (salt, _hashed(password, salt)))
        _write(self._file, " ".join(("scrypt", *parts)))

    def proof(self) -> bytes:
        """Changes with the password, and whenever sessions are ended."""
        current = self.current()
        known = hashlib.sha256(current.shown.encode() + b"|" + current.hash)
        known.update((_read(self._logged_out) or "").encode())
        return known.digest()

    def end_sessions(self) -> None:
        """Make every proof of before worthless."""
        _write(self._logged_out, secrets.token_hex(16))

    def _understood(self, text: str) -> Password:
        kind, _, rest = text.partition(" ")
        if kind == "made" and rest:
            return Password(rest)
        with contextlib.suppress(ValueError):
            salt, hashed = (base64.b64decode(part, validate=True) for part in rest.split())
            if kind == "scrypt" and salt and len(hashed) == _LENGTH:
                return Password("", salt, hashed)
        raise PasswordFileError(
            f"{self._file} is not as we wrote it: remove it, and the next start makes a password"
        )


def _read(file: Path) -> str | None:
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordFileError(f"{file} cannot be read: {error}") from None


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, text + "\n")
    except OSError as error:
        raise PasswordFileError(f"{file} cannot be written: {error.strerror}") from None


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, dklen=_LENGTH, **_COST
    )
