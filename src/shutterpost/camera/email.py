"""The e-mail that a camera sends: its message XML (docs/protocol.md, section 3)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from shutterpost.camera import xml
from shutterpost.wire.http import Refused

MESSAGE_LIMIT = 256 * 1024
"""The most bytes of message XML that are read."""
RECEIVER_LIMIT = 100
"""The most receivers of one e-mail."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_LIMIT = 100  # characters; mail headers are folded in quadratic time
_SUBJECT_LIMIT = 400
_ADDRESS_LIMIT = 254  # characters (RFC 5321, 4.5.3.1.3)
_MARKER = re.compile(r"(?:\A|\n)[ \t]*language_sh100_utf8\s*\Z")
_BETWEEN = ",; \t\r\n"
_SEPARATED = re.compile(r"(?:\"[^\"]*+\"|[^;,])*+(?:[;,]|\Z)")
_DEVICE = re.compile("(?:^|&)DUID=([^&]{0,200})")
_ADDRESS = re.compile(
    r"[^\s<>()\[\]@,;:\"\\\x00-\x1f\x7f-\x9f]+@[^\s<>()@,;:\"\\\x00-\x1f\x7f-\x9f]+"
)


@dataclass(frozen=True, slots=True)
class Message:
    """What the camera's e-mail says. Addresses are bare, as they were sent."""

    sender: str
    sender_name: str
    receivers: tuple[str, ...]
    subject: str
    text: str


def read_message(data: bytes, quirks: set[str]) -> Message:
    """Read the `message` part.

    Raises Refused (400) when the sender or every receiver is missing or no address, and
    for XML that must not be read.
    """
    root = xml.read(data, quirks)
    sender = xml.text(xml.first(root, "sender")).strip()
    if not sender:
        raise Refused(400, "the e-mail has no sender")
    receivers: dict[str, str] = {}
    unreadable: Refused | None = None
    for element in root.iter("receiver"):
        several = _receivers(xml.text(element))
        if len(several) > 1:
            quirks.add("several-receivers")
        for receiver in several:
            try:
                _, address = _address(receiver, "receiver")
            except Refused as refused:
                unreadable = refused
            else:
                receivers.setdefault(address.lower(), address)
    if not receivers:
        raise unreadable or Refused(400, "the e-mail has no receiver")
    if unreadable:
        quirks.add("unreadable-receiver")
    if len(receivers) > RECEIVER_LIMIT:
        raise Refused(400, f"the e-mail has over {RECEIVER_LIMIT} receivers")
    sender_name, address = _address(sender, "sender")
    return Message(
        sender=address,
        sender_name=sender_name,
        receivers=tuple(receivers.values()),
        subject=" ".join(xml.text(xml.first(root, "title"))[:_SUBJECT_LIMIT].split()),
        text=_without_marker(xml.text(xml.first(root, "body"))),
    )


def device_number(query: str) -> str:
    """The camera's own number as the target's query says it: `DUID=123456789033` (capture).

    At most 64 characters; empty if it says none.
    """
    said = _DEVICE.search(query)
    return re.sub(r"[^0-9A-Za-z:._-]", "", unquote(said[1]))[:64] if said else ""


def _address(text: str, role: str) -> tuple[str, str]:
    """The name and the bare address of `Name <address>` or `address`."""
    name, bracket, rest = text.rpartition("<")
    address = (rest.partition(">")[0] if bracket else text).strip()
    if len(address) > _ADDRESS_LIMIT or not _ADDRESS.fullmatch(address) or _CONTROL.search(text):
        raise Refused(400, f"the {role} {address[:_ADDRESS_LIMIT]!a} is not an e-mail address")
    return " ".join(name[:_NAME_LIMIT].split()).strip('"'), address


def _receivers(text: str) -> list[str]:
    """The addresses in one element: `a@x;b@y` and `Doe, John <a@x>, b@y` are two each.

    What stands before a comma or semicolon and has no `@` is part of a name.
    """
    found: list[str] = []
    held = ""
    for part in _SEPARATED.findall(text):
        held += part
        if "@" in part:
            found.append(held.strip(_BETWEEN))
            held = ""
    if held := held.strip(_BETWEEN):
        found.append(held)
    return found


def _without_marker(body: str) -> str:
    """The text without the camera's own last line, which is no part of it (proven)."""
    return _MARKER.sub("", body)
