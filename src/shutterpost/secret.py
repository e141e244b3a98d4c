"""The secret that keys folder names: configured, or made once and kept in the data folder."""

import base64
import hmac
import secrets

from shutterpost.config.settings import Config, Storage
from shutterpost.config.values import Secret
from shutterpost.durable import write_private


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


def folder_of(address: str, secret: Secret) -> str:
    """The folder of a sender or account: 20 characters that only the secret's owner can make.

    The same as the reference server's (proven): the first 15 bytes of HMAC-SHA256 in
    URL-safe base64, of the address exactly as it was sent.
    """
    digest = hmac.digest(secret.reveal().encode(), address.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:15]).decode("ascii")


def fresh() -> str:
    """A new secret, by which the usual senders' folders begin with no dash.

    A folder called `-x` would be taken for an option by commands like `ls *`.
    """
    while True:
        made = secrets.token_urlsafe(32)
        folders = (folder_of(sender, Secret(made)) for sender in Config().senders)
        if not any(folder.startswith("-") for folder in folders):
            return made
