"""The secret that keys folder names: configured, or made once and kept in the data folder."""

import secrets

from shutterpost.config.settings import Storage
from shutterpost.config.values import Secret
from shutterpost.private import write_private


def folder_secret(storage: Storage) -> Secret:
    """The configured secret, else the one in `data/secret`, made now if need be.

    Raises OSError for a data folder that cannot be used.
    """
    if storage.secret:
        return storage.secret
    file = storage.data / "secret"
    if not file.exists():
        storage.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, fresh() + "\n")
    return Secret(file.read_text("ascii").strip())


def fresh() -> str:
    """A new secret."""
    return secrets.token_urlsafe(32)
