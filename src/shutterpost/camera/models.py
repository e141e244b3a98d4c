"""The table of camera models: what works, what they ask for, how to redirect them.

The `cameras` and `hosts` commands and the docs are made from it. The source of every
row is docs/protocol.md, sections 7 and 8.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

HOSTS = (
    "gld.samsungosp.com",
    "www.samsungimaging.com",
    "www.ospserver.net",
    "snsgw.samsungmobile.com",
)
"""The names that every camera asks for."""
YAHOO = "www.yahoo.co.kr"
MSN = "www.msn.com"


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
    """One camera model."""

    name: str
    platform: str
    works: Works
    note: str = ""
    extra_host: str = ""
    hosts_file: HostsFile = HostsFile.NONE

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names to redirect for this model."""
        return (*HOSTS, self.extra_host) if self.extra_host else HOSTS


def _nx4(name: str, works: Works = Works.LIKELY) -> Model:
    return Model(name, "DRIMeIV", works, hosts_file=HostsFile.SD_CARD)


def _yahoo(name: str, platform: str, note: str) -> Model:
    return Model(name, platform, Works.YES, note, YAHOO)


def _msn(name: str, note: str = "listed") -> Model:
    return Model(name, "", Works.YES, note, MSN)


MODELS = (
    Model("ST1000", "COACH 10", Works.NO, "also CL65; speaks an API nobody has recorded"),
    Model("SH100", "COACH", Works.YES, "fw 1103021; listed"),
    _yahoo("ST200F", "COACH 12", "fw 1303204; listed"),
    _yahoo("DV300F", "COACH 12", "listed; the Yahoo check is inferred"),
    _yahoo("EX2F", "DRIMeIII", "listed; the Yahoo check is inferred"),
    _yahoo("WB850F", "DRIMeIII", "listed"),
    _msn("WB35F"),
    _msn("WB36F"),
    _msn("WB37F", "listed; takes only the cookie answer"),
    _msn("WB1100F"),
    _msn("DV150F", "a user's report"),
    Model("HMX-QF20", "", Works.NOT_YET, "camcorder; speaks old TLS"),
    Model("HMX-QF30", "", Works.NOT_YET, "camcorder; speaks old TLS"),
    Model("NX mini", "M7MU", Works.YES, "fw 1.10"),
    Model("NX3000", "M7MU", Works.LIKELY),
    Model("NX3300", "M7MU", Works.LIKELY),
    Model("NX1000", "DRIMeIII", Works.UNKNOWN),
    Model("NX1100", "DRIMeIII", Works.UNKNOWN),
    Model("NX20", "DRIMeIII", Works.UNKNOWN),
    Model("NX210", "DRIMeIII", Works.UNKNOWN),
    _nx4("NX300", Works.YES),
    _nx4("NX300M"),
    _nx4("NX310"),
    _nx4("NX30"),
    _nx4("NX2000"),
    Model("NX500", "DRIMeV", Works.YES, "e-mail only", hosts_file=HostsFile.WRITABLE),
    Model("NX1", "DRIMeV", Works.LIKELY, hosts_file=HostsFile.WRITABLE),
)

ALL_HOSTS = (*HOSTS, YAHOO, MSN)
"""Every name that any camera asks for."""

_MODEL_WORD = re.compile(
    r"\b(?:NX ?mini|(?:NX|HMX-QF|WB|ST|DV|SH|EX)[0-9]+[A-Z]?)\b", re.IGNORECASE
)
_UNLISTED = re.compile(r"(WB|ST|DV)[0-9]+F")


def find_model(name: str) -> Model:
    """The model of that name, in any case, with or without space and dash.

    An unlisted WBxxxF, STxxxF or DVxxxF is worth a try with all names redirected; which
    of the two extra hosts it asks is unknown. Raises KeyError for any other name.
    """
    wanted = _plain(name)
    for model in MODELS:
        if _plain(model.name) == wanted:
            return model
    if _UNLISTED.fullmatch(wanted):
        return Model(wanted, "", Works.TRY, "not listed")
    raise KeyError(name)


def hosts_of(models: Iterable[str]) -> tuple[str, ...]:
    """The names that these models ask for; all names if there are none."""
    found = {host: None for name in models for host in find_model(name).hosts}
    return tuple(found) or ALL_HOSTS


def recognise(text: str) -> Model | None:
    """The model whose name stands in a text, for example in a User-Agent."""
    for word in _MODEL_WORD.findall(text):
        try:
            return find_model(word)
        except KeyError:
            continue
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).upper()
