"""The page's password: configured, set by a person, or made at the first start.

One that a person chose is kept as its scrypt hash, in the PHC string format, which says the
parameters. One that was made is kept as it is, in the data folder and for its owner alone,
so that `shutterpost password` can show it again. The file holds nothing else.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from shutterpost.config import Config
from shutterpost.durable import write_private

SHORTEST = 8
"""The fewest characters of a password that a person chooses."""

_HASH_SIZE = 64  # bytes
_WORDS = 4
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
_LONGEST = 1024  # characters of the file
_PHC = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/-]+)\$([\w+/-]+)", re.ASCII
)
# Written by the first release: "made" and the password, or "scrypt", the salt and the hash.
_OLD_MADE = re.compile(rf"made ((?:[{_LETTERS}]{{4}}-){{3}}[{_LETTERS}]{{4}})")
_OLD_HASH = re.compile(r"scrypt ([\w+/]+={0,2}) ([\w+/]+={0,2})", re.ASCII)


class PasswordFileError(Exception):
    """The password's file cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Cost:
    """scrypt's parameters: n is 2 to the power `ln`; memory is 128 * n * r bytes."""

    ln: int
    r: int
    p: int


COST = Cost(14, 8, 5)
"""What a new hash costs: 16 MiB, five times over (OWASP's table for scrypt)."""
_OLD_COST = Cost(14, 8, 1)  # of the first release
_MOST_MEMORY = 1 << 27  # bytes that a file's parameters may ask for


@dataclass(frozen=True, slots=True)
class Password:
    """A password: as it is, if it was made or configured, else its hash alone."""

    shown: str
    salt: bytes = b"a salt for those that are not hashed on disk"
    hash: bytes = b""
    cost: Cost = COST
    made_now: bool = False

    def verify(self, candidate: str) -> bool:
        """Whether this is the password (slow on purpose; use a thread)."""
        known = self.hash or _hashed(self.shown, self.salt, self.cost)
        return hmac.compare_digest(_hashed(candidate, self.salt, self.cost), known)

    @property
    def is_outdated(self) -> bool:
        """Whether its hash is cheaper to guess than a new one would be."""
        return bool(self.hash) and self.cost != COST


class PagePassword:
    """Where the password is kept. All methods raise PasswordFileError."""

    def __init__(self, config: Config) -> None:
        self._configured = config.web.password.reveal()
        self.file = config.storage.data / "password"
        self._logged_out = config.storage.data / "logged-out"

    @property
    def is_configured(self) -> bool:
        """Whether it is in the configuration, and so not ours to change."""
        return bool(self._configured)

    def known(self) -> Password | None:
        """The password, if there is one already."""
        if self._configured:
            return Password(self._configured)
        text = _read(self.file)
        return None if text is None else self._understood(text)

    def current(self) -> Password:
        """The password, made now if there is none: for the server alone."""
        if known := self.known():
            return known
        made = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_WORDS))
        _write(self.file, made)
        return Password(made, made_now=True)

    def verify(self, candidate: str) -> bool:
        """Whether this is the password; one with an outdated hash is hashed again."""
        current = self.current()
        known = current.verify(candidate)
        if known and current.is_outdated:
            self.choose(candidate)
        return known

    def choose(self, password: str) -> None:
        """Keep a password that a person chose, as its hash."""
        salt = secrets.token_bytes(16)
        encoded = (_without_padding(part) for part in (salt, _hashed(password, salt, COST)))
        _write(self.file, "$".join((f"$scrypt$ln={COST.ln},r={COST.r},p={COST.p}", *encoded)))

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
        with contextlib.suppress(binascii.Error, ValueError):
            if found := _PHC.fullmatch(text):
                cost = Cost(*(int(number) for number in found.groups()[:3]))
                salt, hashed = (_decoded(part) for part in found.groups()[3:])
                if cost.r and cost.p and (128 << cost.ln) * cost.r <= _MOST_MEMORY:
                    return Password("", salt, hashed, cost)
            elif found := _OLD_HASH.fullmatch(text):
                salt, hashed = (_decoded(part) for part in found.groups())
                if len(hashed) == _HASH_SIZE:
                    return Password("", salt, hashed, _OLD_COST)
            elif found := _OLD_MADE.fullmatch(text):
                return Password(found[1])
            elif _is_plain(text):
                return Password(text)
        raise PasswordFileError(
            f"{self.file} holds no password and no hash of one: remove it, and the next start "
            "makes a password"
        )


def _is_plain(text: str) -> bool:
    """Whether a file's text is a password as it is, and not a damaged hash."""
    damaged = text.startswith(("$", "made ", "scrypt "))
    return len(text) >= SHORTEST and text.isprintable() and not damaged


def _read(file: Path) -> str | None:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(_LONGEST).strip("\r\n")
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


def _hashed(password: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=1 << cost.ln,
        r=cost.r,
        p=cost.p,
        dklen=_HASH_SIZE,
        maxmem=_MOST_MEMORY + (1 << 20),
    )


def _without_padding(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
