"""Every setting: its name, default, meaning and how its value is read.

The one source for the configuration's reader, `shutterpost init` and the docs.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from shutterpost.config import values
from shutterpost.config.values import Address, Network, Secret

T = TypeVar("T")

DATABASE = "shutterpost.db"
"""The database's name in the data folder: a folder that holds it is a server's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How one key is read and described; `default` is as TOML holds it."""

    read: Callable[[object], object]
    default: object
    about: str
    key: str = ""


def _setting(read: Callable[[object], T], default: object, about: str, key: str = "") -> T:
    meaning = Setting(read, default, about, key)
    made: T = field(default=read(default), metadata={"setting": meaning})
    return made


def written_fields(section: type[Any]) -> list[Field[Any]]:
    """The fields of a section that are its own keys, each with a Setting in its metadata."""
    return [spec for spec in fields(section) if "setting" in spec.metadata]


def _path(value: object) -> Path:
    return Path(values.string(value))


def _file(value: object) -> Path | None:
    return Path(values.string(value)) if value else None


@dataclass(frozen=True, slots=True)
class Server:
    """The camera door."""

    listen: Address = _setting(
        values.address, "0.0.0.0:8080", "where cameras arrive (forward port 80 here, or bind it)"
    )
    allow: tuple[Network, ...] = _setting(
        values.networks,
        ["private"],
        'client networks: CIDRs, "any", or "private" (RFC 1918, loopback, link-local, ULA)',
    )
    quiet: float = _setting(
        values.duration,
        "60 s",
        "a social share is complete after this long without a new photo",
    )
    max_upload: int = _setting(values.positive_size, "4 GiB", "one file")
    recipients: tuple[str, ...] = _setting(
        values.strings, ["*"], 'who may be mailed: addresses, "*@example.org", or "*" for all'
    )
    public_uploads: int = _setting(
        values.count, 60, "uploads an hour from one address outside the private networks"
    )
    public_recipients: int = _setting(
        values.count, 50, "mailed recipients an hour from such an address"
    )
    idle_timeout: float = _setting(
        values.duration, "60 s", "no byte from the camera for this long ends its upload"
    )


@dataclass(frozen=True, slots=True)
class Storage:
    """Where everything is kept."""

    data: Path = _setting(_path, "data", "database and spool")
    photos: Path = _setting(_path, "data/photos", "where `store` puts files")
    secret: Secret = _setting(
        values.secret, "", "keys the folder names; empty: made once, kept in `data`"
    )
    keep: float = _setting(
        values.retention, "30 d", 'how long delivered files stay in the spool ("forever")'
    )
    min_free: int = _setting(
        values.size, "200 MiB", "with less disk space free the camera is told to try later"
    )


@dataclass(frozen=True, slots=True)
class Account:
    """A social login that must also know a password."""

    password: Secret = _setting(values.secret, "", "the password (or password_file)")


@dataclass(frozen=True, slots=True)
class OAuth:
    """A login at the smarthost without a password (XOAUTH2)."""

    client_id: str = _setting(values.string, "", "the app that logs in, as you registered it")
    client_secret: Secret = _setting(values.secret, "", "its secret, if it has one")
    refresh_token: Secret = _setting(
        values.secret, "", "or refresh_token_file, as `shutterpost login email` writes it"
    )
    token_url: str = _setting(values.endpoint, "", "where access tokens come from")
    kept: Path | None = field(default=None, compare=False)
    """Where a newer refresh token is kept; nowhere without a data folder."""


@dataclass(frozen=True, slots=True)
class Email:
    """The SMTP smarthost."""

    host: str = _setting(values.host, "", "empty: e-mails are stored instead")
    port: int = _setting(values.port, 587, "")
    security: str = _setting(
        values.one_of("starttls", "tls", "none"), "starttls", '"starttls", "tls", "none"'
    )
    username: str = _setting(values.string, "", "")
    password: Secret = _setting(values.secret, "", "or password_file")
    oauth: OAuth = OAuth()
    from_: str = _setting(
        values.mail_address,
        "",
        "envelope and From (the camera's address becomes Reply-To); "
        "empty: username if it is an address, else the camera's",
        key="from",
    )
    to: str = _setting(values.mail_address, "", "for social sites sent to `email`")
    helo: str = _setting(
        values.host,
        "",
        "the name that this machine greets the server with; empty: its own if that has a dot, "
        "else the domain of the sender",
    )
    ca_file: Path | None = _setting(
        _file,
        "",
        "a certificate (PEM) to trust besides the usual authorities: a self-signed server's",
    )
    max_size: int = _setting(
        values.positive_size,
        "25 MiB",
        "a lower SIZE from the server wins; more photos: several numbered mails",
    )


@dataclass(frozen=True, slots=True)
class Mastodon:
    """A Mastodon account (or Pixelfed, GoToSocial)."""

    url: str = _setting(values.url, "", "the server")
    token: Secret = _setting(values.secret, "", 'a token, or token_file = "mastodon.secret"')
    visibility: str = _setting(
        values.one_of("public", "unlisted", "private", "direct"),
        "unlisted",
        "public, unlisted, private, direct",
    )
    postscript: str = _setting(values.string, "", "the end of every post")
    alt_text: str = _setting(
        values.one_of("require", "empty", "optional"),
        "require",
        '"empty": a ~ for each photo will do, as in Hello~; or "optional"',
    )
    camera: bool = _setting(values.boolean, True, "the line with the camera's model")


@dataclass(frozen=True, slots=True)
class Shell:
    """A command that is run for every file and recipient, one after the other."""

    cmd: tuple[str, ...] = _setting(
        values.command, [], 'for example ["./log.sh", "{sender}", "{recipient}", "{filename}"]'
    )
    stdin: str = _setting(
        values.string, "", "placeholders as in cmd: sender recipient filename subject body"
    )
    timeout: float = _setting(
        values.time_limit, "60 s", 'a command that takes longer is ended ("off")'
    )
    retry: bool = _setting(
        values.boolean, True, "run it again if it fails: its exit status is not 0, or it is late"
    )
    format: str = _setting(
        values.one_of("plain", "python"),
        "plain",
        '"python": braces as in Python\'s str.format, for example {{ and {sender:>20}',
    )


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """When a failed delivery is tried again."""

    first_retry: float = _setting(values.duration, "10 s", "doubling up to an hour")
    give_up: float = _setting(values.duration, "5 d", "")


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told when something does not go out."""

    email: str = _setting(
        values.mail_address, "", "is told what failed for good, at most once an hour"
    )


@dataclass(frozen=True, slots=True)
class Web:
    """The people's page."""

    listen: Address | None = _setting(
        values.address_or_off, "127.0.0.1:8081", 'the people\'s page; "off"'
    )
    hosts: tuple[str, ...] = _setting(
        values.strings, [], "other names it may be called by (a reverse proxy's)"
    )
    folders: bool = _setting(
        values.boolean, False, "one folder's photos for whoever knows its 20-character name"
    )
    password: Secret = _setting(values.secret, "", "empty: made once, kept in `data`")
    metrics_token: Secret = _setting(
        values.secret, "", "lets others than this machine read /metrics"
    )


@dataclass(frozen=True, slots=True)
class Dns:
    """The DNS responder."""

    listen: Address | None = _setting(values.address_or_off, "off", '"192.168.1.23:53"')
    cameras: tuple[str, ...] = _setting(
        values.cameras, [], "the models whose names are answered for; empty: all"
    )
    address: str = _setting(
        values.ip_or("auto"),
        "auto",
        "what camera names resolve to: this machine as the asker reaches it",
    )
    upstream: str = _setting(
        values.ip_or("off"),
        "off",
        "or a resolver's address: other names are forwarded, for `allow` only",
    )


@dataclass(frozen=True, slots=True)
class ActionName:
    """`name` or `name.instance`, as `[actions]` has it."""

    name: str
    instance: str = ""

    def __str__(self) -> str:
        return f"{self.name}.{self.instance}" if self.instance else self.name


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration.

    `mastodon` and `shell` hold their instances by name, the default under "".
    `actions` has its sites and addresses in lower case.
    """

    senders: tuple[str, ...] = _setting(
        values.strings,
        ["Camera@samsungcamera.com"],
        'who may send: e-mail senders and social account names; "*" accepts all',
    )
    server: Server = Server()
    storage: Storage = Storage()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    email: Email = Email()
    mastodon: Mapping[str, Mastodon] = field(default_factory=lambda: {"": Mastodon()})
    shell: Mapping[str, Shell] = field(default_factory=lambda: {"": Shell()})
    actions: Mapping[str, ActionName] = field(default_factory=dict)
    delivery: DeliverySettings = DeliverySettings()
    notify: Notify = Notify()
    web: Web = Web()
    dns: Dns = Dns()
    source: Path | None = None
    folder: Path = Path()
    """What relative paths count from: the file's folder."""
    reference_dialect: bool = False
    earlier_data: Path | None = None
    """Where the first release kept the data, if it is to be moved from there."""
    warnings: tuple[str, ...] = ()

    def accepts(self, sender: str) -> bool:
        """Whether an e-mail sender or social account may send (without regard to case)."""
        known = {name.lower() for name in self.senders}
        return "*" in known or sender.lower() in known
