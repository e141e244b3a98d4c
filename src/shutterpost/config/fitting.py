"""Whether settings fit together: what no single value can show."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from shutterpost.config.placeholders import unknown
from shutterpost.config.problems import Path as KeyPath
from shutterpost.config.settings import ActionName, Config, Email, Mastodon, Shell, Storage
from shutterpost.folder_threads import FolderThreads

INSTANCED = ("mastodon", "shell")
"""Actions whose instances are sections of their own."""
HOME_NAMES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain", ".fritz.box")
"""How names end that only a home network knows."""
OWN_FOLDERS = ("spool", "pictures", "unknown")
"""Folders in the data folder in which no photos may be stored."""


_FOLDER_LIMIT = 2.0  # seconds that a folder may take to say where it really is


def is_within(folder: Path, photos: Path) -> bool:
    """Whether a folder is the photos folder or lies in it, by whatever links or mounts."""
    return bool(_found_within([(folder, photos)], photos))


def _found_within(pairs: Sequence[tuple[Path, Path]], photos: Path) -> tuple[Path, Path] | None:
    """The first pair whose inner folder lies in its outer one.

    While the photos folder does not answer, folders are what they are called.
    """
    named = [tuple(Path(os.path.normpath(folder)) for folder in pair) for pair in pairs]
    for pair, (inner, outer) in zip(pairs, named, strict=True):
        if inner.is_relative_to(outer):
            return pair
    try:
        return FolderThreads(photos).run_now(
            lambda _: next((pair for pair in pairs if _is_really_within(*pair)), None),
            _FOLDER_LIMIT,
        )
    except OSError:
        return None


def _is_really_within(inner: Path, outer: Path) -> bool:
    real = inner.resolve()
    if not outer.exists():
        return real.is_relative_to(outer.resolve())
    return any(path.exists() and path.samefile(outer) for path in (real, *real.parents))


def overlap(storage: Storage) -> str:
    """Why data and photos cannot be where they are, or nothing."""
    data, photos = storage.data, storage.photos
    pairs = [(data, photos), *((photos, data / name) for name in OWN_FOLDERS)]
    found = _found_within(pairs, photos)
    if found is None:
        return ""
    if found[0] == data:
        return (
            f"the data folder {data} must not be the photos folder, nor inside it: what "
            "watches or copies the photos would find the database there"
        )
    return f"{found[1]} is for Shutterpost alone, which removes files there"


def is_safe(url: str) -> bool:
    """Whether a token may be sent there: encrypted, or to this machine."""
    host = urlsplit(url).hostname or ""
    return url.startswith("https://") or host in ("localhost", "127.0.0.1", "::1")


def is_home(url: str) -> bool:
    """Whether a server is in the home network, by its private address or its name."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(HOME_NAMES)


def misfits(email: Email) -> list[tuple[KeyPath, str]]:
    """What is wrong with the login at the smarthost, each with the key that it is about."""
    oauth, found = email.oauth, list[tuple[KeyPath, str]]()
    names = ("client_id", "token_url", "refresh_token")
    missing = [name for name in names if not getattr(oauth, name)]
    begun = len(missing) < len(names) or bool(oauth.client_secret)
    if begun and missing:
        needs = f"needs {' and '.join(missing)}: `shutterpost login email` shows what to write"
        found.append((("email", "oauth"), needs))
    if begun and not email.username:
        found.append((("email", "oauth"), "needs username in [email]: the mailbox"))
    if oauth.token_url and not is_safe(oauth.token_url):
        why = "must be https, or the token could be read on its way"
        found.append((("email", "oauth", "token_url"), why))
    if email.username and not email.password and not begun:
        why = "needs a password or a password_file, or [email.oauth]"
        found.append((("email", "username"), why))
    return found


def unusable(config: Config, key: str, action: ActionName) -> str:
    """Why an action cannot work as configured, or nothing."""
    section = getattr(config, action.name) if action.name in INSTANCED else {"": None}
    if action.name in INSTANCED and action.instance not in section:
        return f"there is no section [{action}]"
    settings = section.get(action.instance)
    if isinstance(settings, Mastodon) and not (settings.url and settings.token):
        return f'"{action}" needs url and token (or token_file) in [{action}]'
    if isinstance(settings, Shell) and not settings.cmd:
        return f'"{action}" needs cmd in [{action}]'
    if action.name == "email" and "@" not in key and not config.email.to:
        return f"photos for {key} cannot be mailed without an address: set to in [email]"
    return ""


def _is_open_to_strangers(config: Config) -> bool:
    """Whether someone outside the private networks could guess how to send mail."""
    public = any(not network.is_private for network in config.server.allow)
    guessable = not {"*", "camera@samsungcamera.com"}.isdisjoint(
        sender.lower() for sender in config.senders
    )
    mails = bool(config.email.host) and "*" in config.server.recipients
    return public and guessable and mails


def warnings(config: Config) -> list[str]:
    """What works, but perhaps not as the owner thinks."""
    found = []
    if _is_open_to_strangers(config):
        found.append(
            "[server] allow lets strangers in, senders is easy to guess, and everyone may be "
            "mailed: others could send mail through this server; name the recipients in "
            "[server] recipients"
        )
    if config.notify.email and not config.email.host:
        found.append("[notify] email needs an SMTP server: set [email] host")
    email = config.email
    login = email.password or email.oauth.refresh_token
    if email.security == "none" and login and email.host not in ("localhost", "127.0.0.1"):
        found.append('[email] security is "none": the SMTP password travels unencrypted')
    mailed = [key for key, action in config.actions.items() if action.name == "email"]
    if mailed and not email.host:
        found.append(f"[email] has no host: what is sent to {', '.join(mailed)} is stored instead")
    for name, shell in config.shell.items():
        parts = (*shell.cmd, shell.stdin)
        for written in sorted({text for part in parts for text in unknown(part, shell.format)}):
            section = f"shell.{name}" if name else "shell"
            found.append(f"[{section}] {written} is no placeholder and stays as it is")
    return found
