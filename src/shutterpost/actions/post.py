"""What a Mastodon post says. Pure.

The order is the reference server's (its README): text, camera, postscript, each after a
blank line. When it is too long only the text is cut, never the rest.
"""

import re
from collections.abc import Sequence

_URL = re.compile(r"https?://\S+")
URL_LENGTH = 23
"""Characters that Mastodon counts for any link; other servers say their own number."""
ALONE = ("video/", "audio/")
"""How the media types begin that no server takes in one post with other files."""


def length(text: str, url: int = URL_LENGTH) -> int:
    """Characters as Mastodon counts them, `url` for any link."""
    return len(_URL.sub("x" * url, text))


def compose(text: str, camera: str, postscript: str, limit: int, url: int = URL_LENGTH) -> str:
    """A post of at most `limit` characters (more only if the postscript alone is longer)."""
    rest = [f"📷️ {camera}"] if camera else []
    if postscript.strip():
        rest.append(postscript.strip())
    after = "".join(f"\n\n{part}" for part in rest)
    return (cut(text.strip(), limit - length(after, url), url) + after).strip()


def cut(text: str, room: int, url: int | None = None) -> str:
    """The text, or its beginning as far as a word's end, and an ellipsis.

    At most `room` characters; with `url`, as Mastodon counts them. Linear in the text.
    """

    def counted(part: str) -> int:
        return len(part) if url is None else length(part, url)

    if counted(text) <= room:
        return text
    used = end = 0
    for word in re.finditer(r"\S+", text):
        used += word.start() - end + counted(word[0])
        if used + 1 > room:
            break
        end = word.end()
    if end:
        return text[:end] + "…"
    begun = text[: max(0, room - 1)] + "…"  # one word longer than all the room
    return begun if begun != "…" and counted(begun) <= room else ""


def groups(media_types: Sequence[str], most: int) -> list[list[int]]:
    """Indexes of the files of each post: pictures together in order, then each video alone."""
    pictures = [index for index, kind in enumerate(media_types) if not kind.startswith(ALONE)]
    alone = [index for index, kind in enumerate(media_types) if kind.startswith(ALONE)]
    together = [pictures[start : start + most] for start in range(0, len(pictures), most)]
    return together + [[index] for index in alone]
