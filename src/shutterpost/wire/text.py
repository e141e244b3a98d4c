"""Text that others wrote, made fit for ours: no bytes that are no text, no half characters.

What comes in as bytes becomes text here, and is text that UTF-8 can hold from then on: the
database, the page, logs and mails need not ask again.
"""

_NO_URL = (*range(0x09), *range(0x0A, 0x20), 0x7F, *range(0xDC80, 0xDD00))
_PERCENT_ENCODED = {number: f"%{number & 0xFF:02X}" for number in _NO_URL}
"""Control characters but for tabs, and how surrogateescape marks bytes that are no UTF-8."""


def decoded(data: bytes) -> str:
    """Bytes as text that every other place can hold: no surrogates.

    UTF-8, else CP949, which Korean firmware used before (inferred), else Latin-1; but UTF-8
    with some bytes missing, as where a text was cut, stays what it is.
    """
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    damaged = data.decode("utf-8", "replace")
    lost = damaged.count("\ufffd")
    whole = sum(letter > "\x7f" for letter in damaged) - lost
    return damaged if whole > lost else data.decode("latin-1")


def url_text(data: bytes) -> str:
    """Bytes of a URL as text: what no text holds is percent-encoded, so that no byte is lost."""
    return data.decode("utf-8", "surrogateescape").translate(_PERCENT_ENCODED)


def one_line(text: str, limit: int) -> str:
    """The text on one line, without control characters, cut to `limit` bytes of UTF-8."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:limit])
    return line.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore").strip()


def writable(text: str, limit: int | None = None) -> str:
    """The text as UTF-8 can hold it, cut to `limit` bytes of it.

    Half a surrogate pair, which JSON and file names may hold, becomes a question mark.
    """
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
