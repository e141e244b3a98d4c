"""The table of camera models: what works, what they ask for, how to redirect them.

The commands, the simulator, the page and the docs are made from its columns. The source of
every row is docs/protocol.md, sections 7 and 8.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

GLD = "gld.samsungosp.com"
"""What the NX series asks to find out whether it is behind a login page."""
HOSTS = (
    GLD,
    "www.samsungimaging.com",
    "www.ospserver.net",
    "snsgw.samsungmobile.com",
)
"""The names that every camera asks for."""
YAHOO = "www.yahoo.co.kr"
MSN = "www.msn.com"


class Menu(Enum):
    """What a camera can share by."""

    EMAIL = "e-mail"
    SOCIAL = "social sites"


class HostsFile(Enum):
    """How a camera's own hosts file is changed, where it has one."""

    NONE = ""
    SD_CARD = "SD card with autoexec.sh"
    WRITABLE = "write /etc/hosts after a remount"


class Works(Enum):
    """What is known of a model and a replacement server."""

    YES = "works"
    LIKELY = "should work"
    TRY = "try it"
    UNKNOWN = "unknown"
    NOT_YET = "not yet"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Model:
    """One camera model.

    `firmware` is one that is known to work, `evidence` a word of docs/protocol.md. `checks` are
    the hosts that it asks for its hotspot check; where that is unknown, those that it may ask.
    `cookie_only` cameras do not accept the redirect. The card's files are read by
    `card_firmware` alone, if there is one. `note` is for people, and nothing depends on it.
    """

    name: str
    platform: str
    works: Works
    evidence: str = ""
    firmware: str = ""
    other_names: tuple[str, ...] = ()
    menus: tuple[Menu, ...] = (Menu.EMAIL, Menu.SOCIAL)
    checks: tuple[str, ...] = ()
    cookie_only: bool = False
    hosts_file: HostsFile = HostsFile.NONE
    card_firmware: str = ""
    note: str = ""

    @property
    def extra_hosts(self) -> tuple[str, ...]:
        """The names that this model asks for besides those that all ask for."""
        return tuple(host for host in self.checks if host not in HOSTS)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names to redirect for this model."""
        return HOSTS + self.extra_hosts

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people have to know about it."""
        found = [
            "takes only the cookie answer" if self.cookie_only else "",
            " and ".join(menu.value for menu in self.menus) + " only",
            self.note,
        ]
        if not self.menus:
            found[1] = f"has neither {' nor '.join(menu.value for menu in Menu)}"
        elif len(self.menus) == len(Menu):
            found[1] = ""
        return tuple(remark for remark in found if remark)

    @property
    def own_names(self) -> str:
        """How its own hosts file is changed, and by which firmware; empty if it has none."""
        only = f" (firmware {self.card_firmware})" if self.card_firmware else ""
        return self.hosts_file.value + only


_EMAIL = (Menu.EMAIL,)


def _nx(
    name: str,
    platform: str,
    works: Works,
    evidence: str = "",
    menus: tuple[Menu, ...] = (Menu.EMAIL, Menu.SOCIAL),
    hosts_file: HostsFile = HostsFile.NONE,
    firmware: str = "",
    card_firmware: str = "",
    note: str = "",
) -> Model:
    return Model(
        name=name,
        platform=platform,
        works=works,
        evidence=evidence,
        firmware=firmware,
        menus=menus,
        checks=(GLD,),
        hosts_file=hosts_file,
        card_firmware=card_firmware,
        note=note,
    )


def _compact(
    name: str,
    platform: str,
    check: str,
    evidence: str = "listed",
    firmware: str = "",
    other_names: tuple[str, ...] = (),
    cookie_only: bool = False,
) -> Model:
    return Model(
        name=name,
        platform=platform,
        works=Works.YES,
        evidence=evidence,
        firmware=firmware,
        other_names=other_names,
        checks=(check,),
        cookie_only=cookie_only,
    )


def _camcorder(number: str) -> Model:
    return Model(
        name=f"HMX-QF{number}",
        platform="",
        works=Works.NOT_YET,
        other_names=(f"QF{number}",),
        note="camcorder; speaks old TLS",
    )


MODELS = (
    Model(
        "ST1000",
        "COACH 10",
        Works.NO,
        other_names=("CL65",),
        note="speaks an API nobody has recorded",
    ),
    Model(
        "SH100",
        "COACH",
        Works.YES,
        "listed",
        "1103021",
        note="1107201 is the newest; what it checks is unknown",
    ),
    _compact("ST200F", "COACH 12", YAHOO, firmware="1303204"),
    _compact("DV300F", "COACH 12", YAHOO, "listed; the check is inferred"),
    _compact("EX2F", "DRIMeIII", YAHOO, "listed; the check is inferred"),
    _compact("WB850F", "DRIMeIII", YAHOO),
    _compact("WB35F", "", MSN),
    _compact("WB36F", "", MSN),
    _compact("WB37F", "", MSN, cookie_only=True),
    _compact("WB1100F", "", MSN, other_names=("WB1101F", "WB1102F")),
    _compact("DV150F", "", MSN, "a user's report"),
    _camcorder("20"),
    _camcorder("30"),
    _nx("NX mini", "M7MU", Works.YES, "proven", firmware="1.10"),
    _nx("NX3000", "M7MU", Works.NO, "listed", menus=()),
    _nx("NX3300", "M7MU", Works.LIKELY),
    _nx("NX1000", "DRIMeIII", Works.UNKNOWN, "menus: listed", _EMAIL),
    _nx("NX1100", "DRIMeIII", Works.UNKNOWN, "menus: listed", _EMAIL),
    _nx("NX20", "DRIMeIII", Works.UNKNOWN),
    _nx("NX210", "DRIMeIII", Works.UNKNOWN),
    _nx("NX300", "DRIMeIV", Works.YES, "capture", hosts_file=HostsFile.SD_CARD),
    _nx(
        "NX300M",
        "DRIMeIV",
        Works.LIKELY,
        hosts_file=HostsFile.SD_CARD,
        card_firmware="1.10",
        note="a modified firmware reads the card's files too",
    ),
    _nx("NX310", "DRIMeIV", Works.LIKELY, hosts_file=HostsFile.SD_CARD),
    _nx("NX30", "DRIMeIV", Works.LIKELY, hosts_file=HostsFile.SD_CARD),
    _nx("NX2000", "DRIMeIV", Works.LIKELY, "menus: listed", _EMAIL, HostsFile.SD_CARD),
    _nx("NX500", "DRIMeV", Works.YES, "proven", _EMAIL, HostsFile.WRITABLE),
    _nx("NX1", "DRIMeV", Works.LIKELY, hosts_file=HostsFile.WRITABLE),
)

ALL_HOSTS = (*HOSTS, YAHOO, MSN)
"""Every name that any camera asks for."""

UNLISTED = "WB, ST, DV, EX or MV"
"""How the names of other compacts with WiFi begin."""

_UNLISTED = re.compile(r"(?:WB|ST|DV|EX|MV)[0-9]{1,4}F?")
_MODEL_WORD = re.compile(
    r"\b(?:NX[ _-]?mini|(?:NX|(?:HMX-)?QF|CL|SH)[0-9]+[A-Z]?|" + _UNLISTED.pattern + r")\b",
    re.IGNORECASE,
)


def find_model(name: str) -> Model:
    """The model of that name, in any case, with or without space and dash.

    Also by another of its names, and in the forms in which cameras say it themselves
    (`SMART CAMERA WB850F`, `SAMSUNG WB1100F/WB1101F/WB1102F`). Raises KeyError.
    """
    found = _named(name) or recognise(name)
    if found is None:
        raise KeyError(name)
    return found


def _named(name: str) -> Model | None:
    """The model of exactly that name.

    An unlisted compact is worth a try with all names redirected: every one of 2012 and later
    whose check is known asks Yahoo or MSN.
    """
    wanted = _plain(name)
    if model := _BY_NAME.get(wanted):
        return model
    if _UNLISTED.fullmatch(wanted):
        return Model(wanted, "", Works.TRY, checks=(YAHOO, MSN), note="not listed")
    return None


def hosts_of(models: Iterable[str]) -> tuple[str, ...]:
    """The names that these models ask for; all names if there are none."""
    found = {host: None for name in models for host in find_model(name).hosts}
    return tuple(found) or ALL_HOSTS


def recognise(text: str) -> Model | None:
    """The model whose name stands in a text, for example in a User-Agent."""
    found = (_named(word) for word in _MODEL_WORD.findall(text))
    return next((model for model in found if model is not None), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).upper()


_BY_NAME = {_plain(name): model for model in MODELS for name in (model.name, *model.other_names)}


def is_browser(user_agent: str) -> bool:
    """Whether a person's browser or phone says this, or `shutterpost check`; not a camera.

    Cameras call themselves `sdeClient`, `Mozilla/4.0` (captures) or by their model. Phones
    and computers of a network ask every web server all kinds of things.
    """
    if user_agent.startswith("Shutterpost"):
        return True
    if "Mozilla/5.0" not in user_agent or recognise(user_agent) is not None:
        return False
    return "SAMSUNG" not in user_agent.upper() or "Android" in user_agent
