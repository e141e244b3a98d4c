"""The answers that cameras accept, byte for byte.

Real cameras took these from the reference server (proven) and search them with
`strstr`, so no byte of them changes, not even where the XML is not well-formed.
"""

import re

from shutterpost.wire.http import Refused, Reply

_WHY_LIMIT = 200


def success() -> Reply:
    """The upload has arrived."""
    return Reply(200, b'<Response Status="succ" />')


def error(refused: Refused) -> Reply:
    """The camera shows a failure; the comment tells people why (at most 200 bytes)."""
    body = f'<Response ErrCode="{refused.status}" ErrSubCode="0" /><!-- {_comment(refused.why)} -->'
    return Reply(refused.status, body.encode(), fields=refused.fields)


def redirect(location: str) -> Reply:
    """Look elsewhere."""
    return Reply(302, fields=(("Location", location),))


def _comment(why: str) -> str:
    """Text that can stand in an XML comment: on one line, without `--`, not ending in `-`."""
    line = "".join(letter if letter.isprintable() else " " for letter in why)
    line = re.sub(r"-(?=-)", "- ", line)
    cut = line.encode("utf-8", "replace")[:_WHY_LIMIT].decode("utf-8", "ignore")
    return cut.strip().removesuffix("-").rstrip()
