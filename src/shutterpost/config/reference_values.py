"""What the values in a configuration of samsung-nx-emailservice are taken for. Pure.

Python made do with much there: a number as text, 1 for true. Each reader returns the value that
is meant, or the value itself if it means nothing, and what the owner should be told about it.
"""

import re

Meaning = tuple[object, str]

UNFILLED = ("CHANGEME", "YOUR_ACCESS_TOKEN")
"""What the file that comes with the reference server has where the owner is to write something."""
VISIBILITIES = ("public", "unlisted", "private", "direct")

_FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "off", "0", "0.0", ""), False),
}
_URL = re.compile(r"(?:(https?)://)?([A-Za-z0-9.\[\]:_-]+)(/\S*)?", re.IGNORECASE)


def text(value: object) -> Meaning:
    """Text, or a number that was meant as such."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value), "is taken as text: write it in quotes"
    return value, ""


def number(value: object) -> Meaning:
    """A whole number, also one in quotes or with a point."""
    if isinstance(value, bool) or not isinstance(value, str | float):
        return value, ""
    try:
        return int(value), f"is taken as {int(value)}: write that, without quotes"
    except (ValueError, OverflowError):
        return value, ""


def flag(value: object) -> Meaning:
    """True or false, also as a number or in quotes."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value, ""
    meant = _FLAGS.get(str(value).strip().lower())
    if meant is None:
        return value, ""
    return meant, f"is taken as {str(meant).lower()}: write that, without quotes"


def senders(value: object) -> Meaning:
    """A list, or one or more addresses in one text."""
    if isinstance(value, str):
        return re.findall(r"[^\s,;]+", value), 'is taken as a list: write ["one", "two"]'
    return value, "is empty: no camera may send" if value == [] else ""


def mail_server(value: object) -> Meaning:
    """A host; what was never filled in, or is empty, sends nothing."""
    if value in UNFILLED:
        return "", f"is still {value}: e-mails are stored instead"
    return value, "is empty: e-mails are stored instead" if value == "" else ""


def url(value: object) -> Meaning:
    """A server's URL; without a scheme it is https, and a path in it means nothing."""
    found = _URL.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return value, ""
    meant = f"{(found[1] or 'https').lower()}://{found[2]}"
    return meant, "" if value in (meant, f"{meant}/") else f"is taken as {meant}"


def token(value: object) -> Meaning:
    """A token, or the name of a file that holds one."""
    if value in UNFILLED:
        return "", f"is still {value}"
    return text(value)


def visibility(value: object) -> Meaning:
    """One of Mastodon's words. Of another word it is not known who was to see the posts."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in VISIBILITIES:
        return word, "" if word == value else f'is taken as "{word}"'
    return "direct", (
        f"must be one of {', '.join(VISIBILITIES)}: until then posts are direct, for nobody else"
    )
