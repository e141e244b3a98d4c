"""The words everyone uses: photos, shipments, deliveries. Values only.

Times are seconds since 1970 (float), sizes are bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Photo:
    """One file as the camera gave it, photo or video."""

    id: int
    name: str
    media_type: str
    size: int
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class Shipment:
    """One press of "share": an e-mail to `recipients`, or photos for one `site`."""

    id: int
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    site: str
    subject: str
    text: str
    camera: str
    received: float
    photos: tuple[Photo, ...]
    photos_before: int = 0
    """Photos that the same session shared with the same text in earlier shipments."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What was typed: `Holiday shot!~fancy flower bed~traffic sign` is a text and alt texts."""

    text: str
    alt_texts: tuple[str, ...]


def caption(typed: str) -> Caption:
    """Split at the tildes, as the reference server does."""
    text, *alt_texts = (part.strip() for part in typed.split("~"))
    return Caption(text, tuple(alt_texts))


class MissingAltText(Exception):
    """A photo has no alt text, though where it goes requires one."""


class AltText(Enum):
    """Which alt texts the photos of a share must have; the later, the stricter."""

    OPTIONAL = "optional"
    EMPTY = "empty"
    """One for every photo, but nothing need be in it (`Hello~`), as for the reference server."""
    REQUIRED = "require"

    @staticmethod
    def strictest(rules: "Iterable[AltText]") -> "AltText":
        """The rule for what goes to several places."""
        return max(rules, key=list(AltText).index, default=AltText.OPTIONAL)


def require_alt_texts(typed: str, photos: int, rule: AltText) -> None:
    """Raise MissingAltText if not all of the first `photos` alt texts are there.

    The words are the reference server's (proven).
    """
    if rule is AltText.OPTIONAL:
        return
    alt_texts = caption(typed).alt_texts
    may_be_empty = rule is AltText.EMPTY and bool(alt_texts)
    if not (any(alt_texts) or may_be_empty):
        raise MissingAltText("No alt-text")
    if len(alt_texts) < photos or not (all(alt_texts[:photos]) or may_be_empty):
        raise MissingAltText("Not enough alt-text")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One shipment, or one photo of it, to one action.

    `key` is stable over attempts and restarts and unique for ever: far ends recognise a
    repeated delivery by it. `patient_since` is when the time began after which it is
    given up. `progress` is what the action noted down in earlier attempts.
    """

    id: int
    key: str
    action: str
    recipients: tuple[str, ...]
    attempts: int
    patient_since: float
    shipment: Shipment
    photos: tuple[Photo, ...]
    progress: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery that does not exist yet: `photo` is an index, None for all photos."""

    action: str
    recipients: tuple[str, ...]
    photo: int | None
