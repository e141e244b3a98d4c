"""The secret that keys folder names: configured, or made once and kept in the data folder."""

import os
import secrets
from pathlib import Path

from shutterpost.config.settings import Storage
from shutterpost.config.values import Secret


def folder_secret(storage: Storage) -> Secret:
    """The configured secret, else the one in `data/secret`, made now if need be.

    Raises OSError for a data folder that cannot be used.
    """
    if storage.secret:
        return storage.secret
    file = storage.data / "secret"
    if not file.exists():
        storage.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(file, fresh() + "\n")
    return Secret(file.read_text("ascii").strip())


def fresh() -> str:
    """A new secret."""
    return secrets.token_urlsafe(32)


def _write_new(file: Path, text: str) -> None:
    """Write a file for its owner alone; after a power cut it is whole or not there."""
    temporary = file.with_name(f".{file.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    temporary.rename(file)
