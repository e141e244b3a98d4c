"""The commented configuration that `shutterpost init` writes, made from the settings."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from shutterpost.config.settings import (
    Config,
    DeliverySettings,
    Dns,
    Email,
    Mastodon,
    Notify,
    OAuth,
    Server,
    Setting,
    Shell,
    Storage,
    Web,
    written_fields,
)

SECTIONS: tuple[tuple[str, type[Any], str], ...] = (
    ("server", Server, "The door for cameras."),
    ("storage", Storage, "Where everything is kept."),
    ("email", Email, "The SMTP server that mails photos. Without a host they are stored."),
    ("email.oauth", OAuth, "A login there instead of a password, as Microsoft wants one."),
    ("mastodon", Mastodon, "A Mastodon account; [mastodon.name] is another one like it."),
    ("shell", Shell, "A command for every file; [shell.name] is another one like it."),
    ("delivery", DeliverySettings, "When a failed delivery is tried again."),
    ("notify", Notify, "Who is told when something does not go out."),
    ("web", Web, "The page for people."),
    ("dns", Dns, "A DNS responder for the cameras' names."),
)
"""Every section, in order: its name, its settings, what it is for."""
_BEFORE_ACTIONS = """\
# What is done with photos: on the left a social site or an address, on the right an action.
# Without an entry: "email" for an address, "store" for a site.
[actions]
# facebook = "store"
# "*@album.example.org" = "store.album"
# "drop@example.org" = "drop"

# Social logins that must also know a password.
[accounts]
# "me@example.org" = { password = "..." }
"""


def config_file(secret: str, page: str = "", data: str = "") -> str:
    """A whole configuration with every default, a secret, and where page and data are."""
    changed = {("storage", "secret"): secret}
    if data:
        changed["storage", "data"] = data
        changed["storage", "photos"] = f"{data.rstrip('/')}/photos"
    if page:
        changed["web", "listen"] = page
    senders: Setting = dataclasses.fields(Config)[0].metadata["setting"]
    parts = [
        "# Shutterpost's configuration. What is commented out shows the default.\n",
        f"# {senders.about}\nsenders = {json.dumps(senders.default)}\n",
    ]
    for name, cls, about in SECTIONS:
        lines = [f"# {about}", f"[{name}]"]
        for spec in written_fields(cls):
            lines.append(_line(name, spec, changed))
        parts.append("\n".join(lines) + "\n")
    parts.append(_BEFORE_ACTIONS)
    return "\n".join(parts)


def _line(
    section: str, spec: dataclasses.Field[Any], changed: Mapping[tuple[str, str], str]
) -> str:
    setting: Setting = spec.metadata["setting"]
    key = setting.key or spec.name
    about = f"  # {setting.about}" if setting.about else ""
    if (section, key) in changed:
        return f"{key} = {json.dumps(changed[section, key])}{about.partition(';')[0]}"
    return f"# {key} = {json.dumps(setting.default)}{about}"
