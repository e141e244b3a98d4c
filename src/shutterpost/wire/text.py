"""Text that others wrote, made fit for one line of ours."""


def one_line(text: str, limit: int) -> str:
    """The text on one line, without control characters, cut to `limit` bytes of UTF-8."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:limit])
    return line.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore").strip()


def decoded(data: bytes) -> str:
    """Bytes of a header or a name as text that every other place can hold: no surrogates.

    Cameras of Korea write CP949 where others write UTF-8; what is neither is Latin-1.
    """
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def writable(text: str, limit: int | None = None) -> str:
    """The text as UTF-8 can hold it, cut to `limit` bytes of it.

    Half a surrogate pair, which JSON and file names may hold, becomes a question mark.
    """
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
