"""The social dialogue: login, announcement, upload (docs/protocol.md, section 4).

Elements are found by name, in any order and however deep, because the recordings differ:
the camera's come from parsing code, Android's from byte code, and some have stray text.
"""

import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote, unquote, unquote_plus, unquote_to_bytes
from xml.etree.ElementTree import Element

from shutterpost.camera import xml
from shutterpost.camera.crypt import decrypt
from shutterpost.wire.http import Refused
from shutterpost.wire.text import decoded as text_of

MESSAGE_LIMIT = 256 * 1024
"""The most bytes of XML that are read."""
TEXT_LIMIT = 20_000
"""The most characters of a text; what is typed on a camera has a few hundred."""
_ACCOUNT_LIMIT = 254
_RESOURCE_LIMIT = 800  # so that the reply that names it fits one segment
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Login:
    """Who wants to share; the password is what was typed, perhaps nothing."""

    account: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.account!r})"


@dataclass(frozen=True, slots=True)
class Logout:
    """The end of a session, whose key may be empty."""

    session: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """A file that is about to be put. `camera` is empty when the request does not say it."""

    session: str
    name: str
    text: str
    camera: str


def read_auth(data: bytes, quirks: set[str]) -> Login | Logout:
    """Read the body of `POST /<site>/auth`.

    Raises Refused (400) when it is empty (an NX300 sometimes sends that; proven), when
    it is neither login nor logout, and when the credentials cannot be read.
    """
    if not data.strip():
        raise Refused(400, "the login is empty")
    root = _request(xml.read(data, quirks))
    method = root.get("Method", "").lower()
    if method == "logout":
        return Logout(root.get("SessionKey", ""))
    if method != "login":
        raise Refused(400, f"the method {method!a} is neither login nor logout")
    key = _value(root, "CryptSessionKey")
    try:
        account = _credential(key, _value(root, "UserName"))
        password = _credential(key, _value(root, "Password"))
    except ValueError:
        raise Refused(400, "the login cannot be decrypted") from None
    if not account or len(account) > _ACCOUNT_LIMIT or _CONTROL.search(account):
        raise Refused(400, "the login has no usable name")
    return Login(account, password)


def read_announcement(data: bytes, quirks: set[str]) -> Announcement:
    """Read the body of `POST /<site>/photo` or `/video`.

    Only SessionKey and the file's name are needed; Title stands in for a missing
    Content (android). Raises Refused (400).
    """
    root = _request(xml.read(data, quirks))
    session = root.get("SessionKey", "")
    file = xml.first(root, "File")
    name = "" if file is None else file.get("Name", "")
    if not session:
        raise Refused(400, "the announcement has no session key")
    if not name or len(resource_name(name)) > _RESOURCE_LIMIT or _CONTROL.search(name):
        raise Refused(400, "the announcement has no usable file name")
    text = xml.text(xml.first(root, "Content")).strip() or _title(root)
    if len(text) > TEXT_LIMIT:
        raise Refused(413, f"the announcement's text is over {TEXT_LIMIT} characters")
    album = xml.first(root, "Album")
    camera = "" if album is None else album.get("Name", "")
    return Announcement(session, name, text, _CONTROL.sub(" ", camera).strip()[:60])


def resource_name(name: str) -> str:
    """A file's name as it stands in a ResourceID: the client puts to it as it is."""
    return quote(name, safe="").replace("~", "%7E")


def readings(sent: str) -> set[str]:
    """Everything that the name in a PUT may mean: raw, encoded once or twice, and escaped.

    A name that is longer than any announced one means only itself.
    """
    found = {sent}
    if len(sent) <= 2 * _RESOURCE_LIMIT:
        for _ in range(3):
            found |= {decode(reading) for reading in found for decode in _DECODINGS}
    return found


def folded(name: str) -> str:
    """A name without what a camera or its file system may change: case and composition.

    One that is longer than any announced name stays as it is: sorting combining characters
    takes the square of their number.
    """
    if len(name) > _RESOURCE_LIMIT:
        return name
    return unicodedata.normalize("NFC", name).casefold()


def decoded(sent: str) -> str:
    """The most likely meaning of the name in a PUT, for a file that nobody announced."""
    return text_of(unquote_to_bytes(sent))


def _korean(sent: str) -> str:
    """The name if its bytes are CP949, the encoding of old Korean firmware (inferred)."""
    data = unquote_to_bytes(sent)
    return data.decode("cp949", "replace")


_DECODINGS = (unescape, unquote, unquote_plus, _korean)


def _request(root: Element) -> Element:
    found = xml.first(root, "Request")
    return root if found is None else found


def _title(root: Element) -> str:
    for tag in ("Photo", "Video"):
        if (item := xml.first(root, tag)) is not None:
            return item.get("Title", "").strip()
    return ""


def _value(root: Element, name: str) -> str:
    element = xml.first(root, name)
    return "" if element is None else element.get("Value", "")


def _credential(key: str, value: str) -> str:
    """A name or password: encrypted if there is a key, else plain (HMX-QF30; proven)."""
    plain = unquote(value, errors="strict")
    return decrypt(key, plain) if key else plain
