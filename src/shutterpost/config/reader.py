"""Turns TOML tables into settings and collects everything that is wrong with them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from shutterpost.camera.sites import SITES
from shutterpost.config import values
from shutterpost.config.fitting import INSTANCED, is_home, is_safe, misfits, overlap, unusable
from shutterpost.config.problems import Path as KeyPath
from shutterpost.config.problems import Problems
from shutterpost.config.settings import (
    Account,
    ActionName,
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
from shutterpost.config.values import Secret

Table = dict[str, Any]
T = TypeVar("T")

ACTIONS = ("email", "store", "mastodon", "shell", "drop")
"""Every action's name."""


def secret_variable(path: KeyPath) -> str:
    """The environment variable that a secret may come from: `SHUTTERPOST_EMAIL_PASSWORD`."""
    place = "_".join(("SHUTTERPOST", *path)).upper()
    return "".join(letter if letter.isalnum() else "_" for letter in place)


_BELOW: dict[KeyPath, set[str]] = {("email",): {"oauth"}}  # sections in a section
_SECTIONS = {
    "server": Server,
    "storage": Storage,
    "email": Email,
    "delivery": DeliverySettings,
    "notify": Notify,
    "web": Web,
    "dns": Dns,
}


class Reader:
    """Turns tables into settings and collects what is wrong with them."""

    def __init__(
        self,
        problems: Problems,
        base: Path,
        environ: Mapping[str, str],
        lenient: bool = False,
    ) -> None:
        """`lenient`: a token may travel unencrypted at home, and elsewhere its URL is left out."""
        self._problems = problems
        self._lenient = lenient
        self._base = base
        self._environ = environ

    def config(self, table: Table) -> Config:
        """The whole configuration; what is wrong with it is in `problems` then."""
        known = {*_SECTIONS, *INSTANCED, "senders", "accounts", "actions"}
        for key in table.keys() - known:
            self._problems.add((key,), _unknown(key, known))
        tables = {name: self._table(table, name) for name in known - {"senders"}}
        found: Table = {
            name: self._section(cls, tables[name], (name,)) for name, cls in _SECTIONS.items()
        }
        found["shell"] = self._instances(Shell, tables["shell"], "shell")
        found["accounts"] = {
            account.lower(): self._section(Account, value, ("accounts", account))
            for account, value in self._tables(tables["accounts"], "accounts")
        }
        found["storage"] = self._placed(found["storage"], "photos" in tables["storage"])
        found["email"] = self._email(found["email"], tables["email"])
        found["mastodon"] = self._mastodon(tables["mastodon"], found["storage"].data)
        found["actions"] = self._actions(tables["actions"])
        if "senders" in table:
            found["senders"] = self._senders(table["senders"])
        config = Config(**found)
        self._check(config)
        return config

    def _table(self, table: Table, name: str) -> Table:
        value = table.get(name, {})
        if isinstance(value, dict):
            return value
        self._problems.add((name,), f"must be a section: write [{name}]")
        return {}

    def _tables(self, table: Table, name: str) -> list[tuple[str, Table]]:
        found = []
        for key, value in table.items():
            if isinstance(value, dict):
                found.append((key, value))
            else:
                self._problems.add((name, key), 'must be { password = "..." }')
        return found

    def _section(self, cls: type[T], table: Table, path: KeyPath) -> T:
        """One section's settings; unknown keys and unreadable values become problems."""
        found: Table = {}
        keys = set()
        for spec in written_fields(cls):
            setting: Setting = spec.metadata["setting"]
            key = setting.key or spec.name
            keys.add(key)
            if isinstance(spec.default, Secret):
                keys.add(f"{key}_file")
                found[spec.name] = self._secret(table, key, path)
            elif key in table:
                value = self._value(setting, table[key], (*path, key))
                found[spec.name] = spec.default if value is None else value[0]
        for key in table.keys() - keys - _BELOW.get(path, set()):
            self._problems.add((*path, key), _unknown(key, keys))
        return cls(**found)

    def _value(self, setting: Setting, value: object, path: KeyPath) -> tuple[Any] | None:
        try:
            return (setting.read(value),)
        except ValueError as error:
            self._problems.add(path, str(error))
            return None

    def _secret(self, table: Table, key: str, path: KeyPath) -> Secret:
        """A secret: from the environment, else from a file, else as written."""
        variable = secret_variable((*path, key))
        if variable in self._environ:
            return Secret(self._environ[variable])
        try:
            if f"{key}_file" not in table:
                return values.secret(table.get(key, ""))
            if table.get(key):
                raise ValueError(f"give either {key} or {key}_file, not both")
            return Secret(self._secret_file(values.string(table[f"{key}_file"])))
        except ValueError as error:
            self._problems.add(
                (*path, f"{key}_file" if f"{key}_file" in table else key), str(error)
            )
            return Secret("")

    def _secret_file(self, name: str) -> str:
        file = self._base / name
        try:
            lines = file.read_text("utf-8").splitlines()
        except OSError as error:
            raise ValueError(f"{file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{file} is not UTF-8 text") from None
        if not lines or not lines[0].strip():
            raise ValueError(f"{file} is empty")
        return lines[0].strip()

    def _instances(self, cls: type[T], table: Table, name: str) -> dict[str, T]:
        """The default and each instance, which inherits and changes only itself."""
        base = {key: value for key, value in table.items() if not isinstance(value, dict)}
        found = {"": self._section(cls, base, (name,))}
        for instance, own in table.items():
            if isinstance(own, dict):
                inherited = dict(base)
                for key in own:  # a secret of its own replaces the inherited one in either form
                    inherited.pop(key.removesuffix("_file"), None)
                    inherited.pop(f"{key}_file", None)
                known = {key: value for key, value in inherited.items() if key not in own}
                before = len(self._problems.found)
                found[instance] = self._section(cls, {**known, **own}, (name, instance))
                self._problems.found[before:] = [
                    (path, why)
                    for path, why in self._problems.found[before:]
                    if path[-1] in own  # what is inherited was told once
                ]
        return found

    def _mastodon(self, table: Table, data: Path) -> dict[str, Mastodon]:
        """The accounts; a token file made by a login says which server it is for.

        An account without a token may have been connected on the page, which keeps its
        file in the data folder.
        """
        found = self._instances(Mastodon, table, "mastodon")
        for file in sorted(data.glob("mastodon*.secret")):
            name = file.stem.removeprefix("mastodon").removeprefix("-")
            known = found.get(name, found[""])
            if name not in found or not known.token:
                connected = dataclasses.replace(known, url="", token=self._first_line(file))
                found[name] = self._server_of(connected, str(file), ("mastodon",))
        for name, settings in found.items():
            own = table.get(name, {}) if name else table
            configured = own.get("token_file", table.get("token_file"))
            path = ("mastodon", name) if name else ("mastodon",)
            if isinstance(configured, str) and "token" not in own:
                found[name] = self._server_of(settings, configured, (*path, "token_file"))
            found[name] = self._safe(found[name], (*path, "url"))
        return found

    def _safe(self, settings: Mastodon, path: KeyPath) -> Mastodon:
        """Settings whose token may be sent to their URL."""
        if not settings.url or is_safe(settings.url):
            return settings
        if self._lenient and is_home(settings.url):
            self._problems.add(path, "is not https: the token can be read in the home network")
            return settings
        self._problems.add(path, "must be https, or the token could be read on its way")
        return dataclasses.replace(settings, url="") if self._lenient else settings

    def _first_line(self, file: Path) -> Secret:
        try:
            return Secret(self._secret_file(str(file)))
        except ValueError as error:
            self._problems.add(("mastodon",), str(error))
            return Secret("")

    def _server_of(self, settings: Mastodon, file: str, path: KeyPath) -> Mastodon:
        """Settings with the URL that a token file holds.

        The format is Mastodon.py's, which the reference server's login writes: token, URL,
        client id, client secret. (A file of `create_app` has the URL in its third line.)
        """
        try:
            lines = (self._base / file).read_text("utf-8").split()
        except (OSError, UnicodeDecodeError):
            return settings  # told already
        lines += [""] * 3
        if lines[2].startswith("https://") and not lines[1].startswith("http"):
            why = f"{file} holds an app and no token: make one with `shutterpost login mastodon`"
            self._problems.add(path, why)
        if not lines[1].startswith("http"):
            return settings
        url = lines[1].rstrip("/")
        if settings.url and settings.url != url:
            self._problems.add(path, f"{file} is for {url}, but url is {settings.url}")
        return dataclasses.replace(settings, url=url)

    def _placed(self, storage: Storage, photos_given: bool) -> Storage:
        data = self._base / storage.data
        photos = self._base / storage.photos if photos_given else data / "photos"
        return dataclasses.replace(storage, data=data, photos=photos)

    def _email(self, email: Email, table: Table) -> Email:
        login = table.get("oauth", {})
        if isinstance(login, dict):
            oauth = self._section(OAuth, login, ("email", "oauth"))
            email = dataclasses.replace(email, oauth=oauth)
        else:
            self._problems.add(("email", "oauth"), "must be a section: write [email.oauth]")
        if email.ca_file is None:
            return email
        file = self._base / email.ca_file
        try:
            file.open("rb").close()
        except OSError as error:
            self._problems.add(("email", "ca_file"), f"{file} cannot be read: {error.strerror}")
        return dataclasses.replace(email, ca_file=file)

    def _senders(self, value: object) -> tuple[str, ...]:
        try:
            senders = values.strings(value)
            if not senders and not self._lenient:
                raise ValueError('must name at least one sender, or "*" for all')
            return senders
        except ValueError as error:
            self._problems.add(("senders",), str(error))
            return ()

    def _actions(self, table: Table) -> dict[str, ActionName]:
        found: dict[str, ActionName] = {}
        for key, value in table.items():
            path = ("actions", key)
            if "@" not in key and key.lower() not in SITES:
                self._problems.add(path, f"is neither an address nor a site: {', '.join(SITES)}")
            if key.lower() in found:
                self._problems.add(path, "is there twice (upper and lower case are the same)")
            try:
                found[key.lower()] = _action_name(value)
            except ValueError as error:
                self._problems.add(path, str(error))
        return found

    def _check(self, config: Config) -> None:
        """What single values cannot show: whether they fit together."""
        if not config.server.allow:
            self._problems.add(
                ("server", "allow"), 'must name a network: "private", "any" or CIDRs'
            )
        if why := overlap(config.storage):
            self._problems.add(("storage", "photos"), f"{why}; choose another folder")
        for path, why in misfits(config.email):
            self._problems.add(path, why)
        for key, action in config.actions.items():
            original = ("actions", key)
            if why := unusable(config, key, action):
                self._problems.add(original, why)


def _action_name(value: object) -> ActionName:
    name, dot, instance = values.string(value).partition(".")
    if name not in ACTIONS:
        raise ValueError(f'"{name}" is no action: there are {", ".join(ACTIONS)}')
    if dot and name not in ("store", *INSTANCED):
        raise ValueError(f'"{name}" has no instances: write "{name}"')
    if dot:
        values.folder_name(instance)
    return ActionName(name, instance)


def _unknown(key: str, known: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(key, known, 1)
    if close:
        return f"unknown: did you mean {close[0]}?"
    return f"unknown: there are {', '.join(sorted(known))}"
