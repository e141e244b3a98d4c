"""What a Mastodon post says. Pure.

The order is the reference server's (its README): text, camera, postscript, each after a
blank line. When it is too long only the text is cut, never the rest.
"""

import re

_URL = re.compile(r"https?://\S+")
_URL_LENGTH = 23
"""Characters that Mastodon counts for any link."""


def length(text: str) -> int:
    """Characters as Mastodon counts them."""
    return len(_URL.sub("x" * _URL_LENGTH, text))


def compose(text: str, camera: str, postscript: str, limit: int) -> str:
    """A post of at most `limit` characters (more only if the postscript alone is longer)."""
    rest = [f"📷️ {camera}"] if camera else []
    if postscript.strip():
        rest.append(postscript.strip())
    after = "".join(f"\n\n{part}" for part in rest)
    return (_cut(text.strip(), limit - length(after)) + after).strip()


def _cut(text: str, room: int) -> str:
    """The text, or its beginning as far as a word's end, and an ellipsis."""
    if length(text) <= room:
        return text
    words = re.split(r"(\s+)", text)
    while words and length("".join(words).rstrip()) + 1 > room:
        words.pop()
    kept = "".join(words).rstrip()
    if not kept and room > 1:  # one word longer than all the room
        kept = text[: room - 1]
    return kept + "…" if kept else ""
