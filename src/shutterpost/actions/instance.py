"""What a server says it takes (`/api/v2/instance`, or v1), read as far as it makes sense. Pure.

Numbers that are null, missing or absurd are the defaults, which are Mastodon's own.
"""

from dataclasses import dataclass

_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Characters and files per post, characters of an alt text and of any link, media types."""

    characters: int = 500
    media: int = 4
    description: int = 1500
    url: int = 23
    types: frozenset[str] = frozenset()
    """Empty if the server does not say."""

    def takes(self, media_type: str) -> bool:
        """Whether it takes such a file, as far as it says; it looks into unknown ones itself."""
        is_known = media_type.startswith(("image/", "video/", "audio/"))
        return not self.types or not is_known or media_type in self.types


def limits(found: object) -> Limits:
    """The limits in an answer of any server: Mastodon, GoToSocial, Pixelfed, Pleroma, takahe."""
    usual = Limits()
    statuses = _at(found, "configuration", "statuses")
    media = _at(found, "configuration", "media_attachments")
    types = _at(media, "supported_mime_types")
    return Limits(
        characters=_number(
            _at(statuses, "max_characters"), _at(found, "max_toot_chars"), usual.characters
        ),
        media=_number(
            _at(statuses, "max_media_attachments"), _at(found, "max_media_attachments"), usual.media
        ),
        description=_number(
            _at(media, "description_limit"), _at(found, "description_limit"), usual.description
        ),
        url=_number(_at(statuses, "characters_reserved_per_url"), None, usual.url),
        types=frozenset(
            name.lower() for name in (types if isinstance(types, list) else ()) if _is_type(name)
        ),
    )


def _at(found: object, *path: str) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _number(first: object, second: object, usual: int) -> int:
    for found in (first, second):
        if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 9:
            found = int(found)  # noqa: PLW2901 (the same number)
        if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= _MOST:
            return found
    return usual


def _is_type(name: object) -> bool:
    return isinstance(name, str) and "/" in name and len(name) < 100
