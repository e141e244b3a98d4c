"""What happened to a delivery, in a person's words."""

import re
from collections.abc import Sequence

from shutterpost.spool.browse import Sent
from shutterpost.spool.deliveries import DONE, DROPPED, FAILED

_TROUBLES = (
    (r"refuses the login", "The mail server does not take your user name or password."),
    (r"is refused: 5", "The mail server does not take one of the addresses."),
    (r"is refused: 4", "The mail server takes one of the addresses only later."),
    (r"552|too large", "The mail is larger than the mail server takes."),
    (r"refuses the sender", "The mail server does not take the sender's address."),
    (r"no valid certificate", "The mail server's certificate is not valid."),
    (r"says 40[13]", "The server does not take your account's token: connect it again."),
    (r"says 429", "The server wants to be asked less often."),
    (r"is where it leads|a page for people", "The server's address is not right."),
    (r"does not take .*, but", "The server does not take this kind of file."),
    (r"still processing", "The server has not finished processing a photo."),
    (r"does not answer: is its disk", "The disk with your photos does not answer."),
    (r"not mounted", "The disk with your photos is not there."),
    (r"less than min_free|No space left", "The disk with your photos is nearly full."),
    (r"cannot be written", "Your photos folder cannot be written."),
    (r"ended with status|took over", "Your command did not succeed."),
    (r"Argument list too long", "The text is too long for your command."),
    (r"cannot be run", "Your command cannot be run."),
    (r"has no action", "The configuration has no such action any more."),
    (r"damaged|no longer in the spool", "The photo's file is not what it was."),
    (r"cannot be reached|timed out|refused|unreachable", "The server does not answer."),
)
_DONE = {
    "email": "mailed",
    "store": "stored",
    "mastodon": "posted",
    "shell": "ran",
    "drop": "dropped",
}
_SIGNS = {DONE: "✓", FAILED: "!", DROPPED: "–"}


_PEOPLE = 3


def people(addresses: Sequence[str]) -> str:
    """A list of addresses: the first of them, and how many more there are."""
    more = len(addresses) - _PEOPLE
    some = ", ".join(addresses[:_PEOPLE])
    return f"{some} and {more} more" if more > 0 else some


def aim(sent: Sent) -> str:
    """Which action, and to whom."""
    is_mail = sent.action.partition(".")[0] == "email"
    return f"{sent.action} to {people(sent.recipients)}" if is_mail else sent.action


def times(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def state(sent: Sent) -> dict[str, str]:
    """A mark for a delivery: its sign, its words, and a link if there is one."""
    kind = sent.action.partition(".")[0]
    to = people(sent.recipients) if kind == "email" else sent.action.partition(".")[2]
    link = ""
    if sent.state == DONE:
        said = f"{_DONE.get(kind, 'done')} {f'to {to}' if to else ''}".strip()
        if sent.receipt.startswith(("https://", "http://")):
            link = sent.receipt
    elif sent.state == FAILED:
        said = f"{sent.action} failed: {trouble(sent.last_error)}"
    elif sent.state == DROPPED:
        said = f"{sent.action}: given up"
    elif sent.last_error:
        said = f"{sent.action} waits: {trouble(sent.last_error)}"
    else:
        said = f"{sent.action} waits"
    return {"sign": _SIGNS.get(sent.state, "…"), "said": said, "link": link, "state": sent.state}


def trouble(error: str) -> str:
    """What went wrong, without its technical details."""
    for pattern, said in _TROUBLES:
        if re.search(pattern, error):
            return said
    return "Something unexpected happened." if error else "Not tried yet."


def size(number: int) -> str:
    """Bytes as people say it."""
    if number < 1000:
        return f"{number} bytes"
    for unit, factor in (("kB", 1e3), ("MB", 1e6)):
        if number < factor * 1000:
            return f"{number / factor:.3g} {unit}"
    return f"{number / 1e9:.3g} GB"
