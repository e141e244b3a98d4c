"""Reads the configuration of samsung-nx-emailservice, so that its users need no new one.

Its upper-case keys are translated into ours. What works there works here: a value of another
type is taken for what it means, and what cannot be used is left out, with a warning each. Only
where photos go must be right. Relative paths count from the working directory there.
"""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shutterpost.camera.sites import SITES
from shutterpost.config import reference_values as meant
from shutterpost.config import values
from shutterpost.config.fitting import is_within
from shutterpost.config.problems import Path as KeyPath
from shutterpost.config.problems import Problems

Table = dict[str, Any]
_Read = Callable[[object], meant.Meaning]

KEYS: dict[KeyPath, KeyPath] = {
    ("SENDERS",): ("senders",),
    ("UPLOAD_FOLDER",): ("storage", "photos"),
    ("SECRET",): ("storage", "secret"),
    ("INSECURE_DOWNLOAD",): ("web", "folders"),
    ("MAIL_SERVER",): ("email", "host"),
    ("MAIL_PORT",): ("email", "port"),
    ("MAIL_USERNAME",): ("email", "username"),
    ("MAIL_PASSWORD",): ("email", "password"),
    ("MASTODON_TOKEN",): ("mastodon", "token"),
    ("MASTODON_BASE_URL",): ("mastodon", "url"),
    ("MASTODON_POSTSCRIPT",): ("mastodon", "postscript"),
    ("MASTODON_VISIBILITY",): ("mastodon", "visibility"),
    ("ACTIONS",): ("actions",),
    ("MASTODON",): ("mastodon",),
    ("SHELL",): ("shell",),
}
_TABLES = ("ACTIONS", "MASTODON", "SHELL")
_READ: Mapping[KeyPath, _Read] = {
    ("senders",): meant.senders,
    ("web", "folders"): meant.flag,
    ("email", "host"): meant.mail_server,
    ("email", "port"): meant.number,
    ("mastodon", "token"): meant.token,
    ("mastodon", "url"): meant.url,
    ("mastodon", "visibility"): meant.visibility,
}
"""How values are read that are no text."""
_MASTODON_KEYS = {
    "TOKEN": "token",
    "BASE_URL": "url",
    "POSTSCRIPT": "postscript",
    "VISIBILITY": "visibility",
}
_SHELL_KEYS = {"CMD": "cmd", "STDIN": "stdin"}
_MASTODON_AS_THERE = {"alt_text": "empty"}
_SHELL_AS_THERE = {"timeout": "off", "retry": False, "format": "python"}
_FLAGS = ("MAIL_USE_TLS", "MAIL_USE_SSL", "MAIL_SUPPRESS_SEND")
OTHER_KEYS = ("SESSION_FOLDER", *_FLAGS)
_NO_MEANING = "has no meaning here and is passed over"

DATA = "shutterpost-data"
"""Our data folder, which the reference server does not have."""
EARLIER_DATA = "data"
"""Where the first release kept its data, in the working directory."""


def recognised(table: Table) -> bool:
    """Whether there is any of the reference server's keys."""
    return any(key in OTHER_KEYS or (key,) in KEYS for key in table)


def is_fatal(path: KeyPath) -> bool:
    """Whether the server cannot start with something wrong there: photos would go elsewhere."""
    return path[0] == "storage"


def translated(table: Table, base: Path, problems: Problems) -> tuple[Table, list[str]]:
    """Our tables for the reference's, and warnings about what is not as it should be."""
    return _Translation(base, problems).of(table)


def place_data(table: Table, base: Path, beside: Path) -> None:
    """Put the data folder beside the file; above a photos folder that holds the file itself."""
    storage = table.setdefault("storage", {})
    photos = storage.setdefault("photos", f"{EARLIER_DATA}/photos")
    folder = beside / DATA
    if isinstance(photos, str) and is_within(folder, base / photos):
        folder = (base / photos).resolve().parent / DATA
    storage["data"] = str(folder)


def original(path: KeyPath, table: Table) -> KeyPath:
    """The key that the owner wrote in `table` for one of ours."""
    path = (*path[:-1], path[-1].removesuffix("_file"))  # TOKEN names a file as well
    for theirs, ours in KEYS.items():
        if ours == path and theirs[0] in table:
            return theirs
    keys = {ours: theirs for theirs, ours in {**_MASTODON_KEYS, **_SHELL_KEYS}.items()}
    if path[0] not in ("actions", "mastodon", "shell"):
        return path
    return (path[0].upper(), *path[1:-1], keys.get(path[-1], path[-1]))


class _Translation:
    """One file's, with the warnings about it."""

    def __init__(self, base: Path, problems: Problems) -> None:
        self._base = base
        self._problems = problems
        self._warnings: list[str] = []

    def of(self, table: Table) -> tuple[Table, list[str]]:
        """Our tables, and the warnings."""
        found: Table = {}
        for key, value in table.items():
            if (ours := KEYS.get((key,))) and key not in _TABLES:
                section = found
                for part in ours[:-1]:
                    section = section.setdefault(part, {})
                section[ours[-1]] = self._meaning(key, ours, value)
            elif key not in OTHER_KEYS and (key,) not in KEYS:
                self._warn(key, _NO_MEANING)
        found["email"] = self._email(found.get("email", {}), table)
        for key, keys in (("MASTODON", _MASTODON_KEYS), ("SHELL", _SHELL_KEYS)):
            section = self._section(table.get(key, {}), keys, (key,))
            found[key.lower()] = {**found.get(key.lower(), {}), **section}
        found["mastodon"] = {**_MASTODON_AS_THERE, **found["mastodon"]}
        found["shell"] = {**_SHELL_AS_THERE, **found["shell"]}
        self._read_tokens(found["mastodon"])
        found["actions"] = self._actions(table.get("ACTIONS", {}))
        return found, self._warnings

    def _warn(self, key: str, why: str) -> None:
        self._warnings.append(f"{key} {why}")

    def _meaning(self, key: str, ours: KeyPath, value: object) -> object:
        meaning, warning = _READ.get(ours, meant.text)(value)
        if warning:
            self._warn(key, warning)
        return meaning

    def _email(self, email: Table, table: Table) -> Table:
        flags = {}
        for key in _FLAGS:
            flags[key], warning = meant.flag(table.get(key, False))
            if warning:
                self._warn(key, warning)
            if not isinstance(flags[key], bool):
                self._warn(key, "must be true or false: it is taken as false")
        email.setdefault("host", "127.0.0.1")  # as Flask-Mail has it
        if not _can_be_read(values.host, email["host"]):
            self._warn("MAIL_SERVER", "is no host name: e-mails are stored instead")
            email["host"] = ""
        if flags["MAIL_SUPPRESS_SEND"] is True:
            self._warn("MAIL_SUPPRESS_SEND", "is on: e-mails are not sent, but stored")
            email["host"] = ""
        if email.get("username") and not email.get("password"):
            self._warn("MAIL_USERNAME", "has no MAIL_PASSWORD: mails are sent without a login")
            email["username"] = ""
        email.setdefault("port", 25)
        if not _can_be_read(values.port, email["port"]):
            self._warn("MAIL_PORT", "is no port: 25 is taken")
            email["port"] = 25
        encrypted = "starttls" if flags["MAIL_USE_TLS"] is True else "none"
        return {**email, "security": "tls" if flags["MAIL_USE_SSL"] is True else encrypted}

    def _section(self, value: object, keys: dict[str, str], path: KeyPath) -> Table:
        if not isinstance(value, dict):
            self._problems.add(path, f"must be a section: write [{path[0]}]")
            return {}
        found: Table = {}
        for key, item in value.items():
            name = ".".join((*path, key))
            if isinstance(item, dict) and len(path) == 1:
                found[key] = self._section(item, keys, (*path, key))
            elif key not in keys:
                self._warn(name, _NO_MEANING)
            elif key == "CMD" and isinstance(item, str):
                try:
                    found["cmd"] = shlex.split(item)
                except ValueError as error:
                    self._problems.add((*path, key), f"is no command line: {error}")
            else:
                ours = keys[key]
                found[ours] = item
                if key != "CMD":
                    found[ours] = self._meaning(name, (path[0].lower(), ours), item)
        return found

    def _read_tokens(self, mastodon: Table) -> None:
        """A TOKEN that names a file means what the file holds."""
        for table in (mastodon, *(item for item in mastodon.values() if isinstance(item, dict))):
            token = table.get("token")
            if isinstance(token, str) and _is_file(self._base, token):
                table["token_file"] = table.pop("token")

    def _actions(self, value: object) -> object:
        """What can be used of it. Its name for the default action of an e-mail is `mail`."""
        if not isinstance(value, dict):
            return value
        found: Table = {}
        for key, item in value.items():
            path = f"ACTIONS.{key}"
            if key.lower() in {taken.lower() for taken in found}:
                self._warn(path, "is there twice (upper and lower case are the same)")
            elif "@" not in key and key.lower() not in SITES:
                self._warn(path, "is neither an address nor a site, and is passed over")
            elif isinstance(item, str):
                found[key] = self._action(path, "email" if item == "mail" else item)
            else:
                found[key] = item
        return {key: item for key, item in found.items() if not self._is_left_out(key, item)}

    def _action(self, path: str, item: str) -> str:
        name, dot, instance = item.partition(".")
        if dot and (name in ("email", "drop") or not _can_be_read(_folder, instance)):
            self._warn(path, f"is taken as {name}: {instance!r} cannot name an instance of it")
            return name
        return item

    def _is_left_out(self, key: str, item: object) -> bool:
        if item != "email" or "@" in key:
            return False
        self._warn(f"ACTIONS.{key}", "cannot be mailed, as there is no address: it is stored")
        return True


def _is_file(base: Path, name: str) -> bool:
    return 0 < len(name) < 200 and "\x00" not in name and (base / name).is_file()


def _folder(value: object) -> str:
    return values.folder_name(values.string(value))


def _can_be_read(read: Callable[[object], object], value: object) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True
