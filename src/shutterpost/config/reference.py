"""Reads the configuration of samsung-nx-emailservice, so that its users need no new one.

Its upper-case keys are translated into ours; problems are told with the keys that the
owner wrote. Relative paths count from the working directory there.
"""

import shlex
from pathlib import Path
from typing import Any

from shutterpost.config.fitting import is_within
from shutterpost.config.problems import Path as KeyPath
from shutterpost.config.problems import Problems

Table = dict[str, Any]

_KEYS: dict[KeyPath, KeyPath] = {
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
_MASTODON_KEYS = {
    "TOKEN": "token",
    "BASE_URL": "url",
    "POSTSCRIPT": "postscript",
    "VISIBILITY": "visibility",
}
_SHELL_KEYS = {"CMD": "cmd", "STDIN": "stdin"}
_SHELL_AS_THERE = {"timeout": "off", "retry": False, "format": "python"}
_OTHER_KEYS = ("SESSION_FOLDER", "MAIL_USE_TLS", "MAIL_USE_SSL")
_PLACEHOLDER = "CHANGEME"

DATA = "shutterpost-data"
"""Our data folder, which the reference server does not have."""
EARLIER_DATA = "data"
"""Where the first release kept its data, in the working directory."""


def recognised(table: Table) -> bool:
    """Whether there is any of the reference server's keys."""
    return any(key in _OTHER_KEYS or (key,) in _KEYS for key in table)


def translated(table: Table, base: Path, problems: Problems) -> tuple[Table, list[str]]:
    """Our tables for the reference's, and warnings for keys that mean nothing here."""
    found: Table = {}
    warnings = []
    for key, value in table.items():
        if (ours := _KEYS.get((key,))) and key not in ("ACTIONS", "MASTODON", "SHELL"):
            _put(found, ours, value)
        elif key.islower():
            problems.add((key,), "cannot stand beside keys of samsung-nx-emailservice")
        elif key not in _OTHER_KEYS and (key,) not in _KEYS:
            warnings.append(f"{key} has no meaning here and is passed over")
    email = found.setdefault("email", {})
    if email.get("host") == _PLACEHOLDER:
        warnings.append("MAIL_SERVER is still CHANGEME: e-mails are stored instead")
        email["host"] = ""
    if email.get("username") and not email.get("password"):
        warnings.append("MAIL_USERNAME has no MAIL_PASSWORD: mails are sent without a login")
        email["username"] = ""
    email.setdefault("port", 25)
    email["security"] = _security(table, problems)
    for key, keys in (("MASTODON", _MASTODON_KEYS), ("SHELL", _SHELL_KEYS)):
        section = _section(table.get(key, {}), keys, (key,), problems)
        found[key.lower()] = {**found.get(key.lower(), {}), **section}
    found["shell"] = {**_SHELL_AS_THERE, **found["shell"]}
    _read_tokens(found["mastodon"], base)
    found["actions"] = _actions(table.get("ACTIONS", {}))
    return found, warnings


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
    for theirs, ours in _KEYS.items():
        if ours == path and theirs[0] in table:
            return theirs
    keys = {ours: theirs for theirs, ours in {**_MASTODON_KEYS, **_SHELL_KEYS}.items()}
    if path[0] not in ("actions", "mastodon", "shell"):
        return path
    return (path[0].upper(), *path[1:-1], keys.get(path[-1], path[-1]))


def _put(found: Table, path: KeyPath, value: object) -> None:
    table = found
    for part in path[:-1]:
        table = table.setdefault(part, {})
    table[path[-1]] = value


def _security(table: Table, problems: Problems) -> str:
    for key in ("MAIL_USE_TLS", "MAIL_USE_SSL"):
        if not isinstance(table.get(key, False), bool):
            problems.add((key,), "must be true or false, without quotes")
    if table.get("MAIL_USE_SSL"):
        return "tls"
    return "starttls" if table.get("MAIL_USE_TLS") else "none"


def _section(value: object, keys: dict[str, str], path: KeyPath, problems: Problems) -> Table:
    if not isinstance(value, dict):
        problems.add(path, f"must be a section: write [{path[0]}]")
        return {}
    found: Table = {}
    for key, item in value.items():
        if isinstance(item, dict) and len(path) == 1:
            found[key] = _section(item, keys, (*path, key), problems)
        elif key == "CMD" and isinstance(item, str):
            try:
                found["cmd"] = shlex.split(item)
            except ValueError as error:
                problems.add((*path, key), f"is no command line: {error}")
        else:
            found[keys.get(key) or key] = item
    return found


def _read_tokens(mastodon: Table, base: Path) -> None:
    """A TOKEN that names a file means what the file holds."""
    for table in (mastodon, *(item for item in mastodon.values() if isinstance(item, dict))):
        token = table.get("token")
        if isinstance(token, str) and token and len(token) < 200 and (base / token).is_file():
            table["token_file"] = table.pop("token")


def _actions(value: object) -> object:
    """Its name for the default action of an e-mail is `mail`."""
    if not isinstance(value, dict):
        return value
    return {key: "email" if action == "mail" else action for key, action in value.items()}
