"""The answers that cameras accept, byte for byte.

Real cameras took these from the reference server (proven) and search them with
`strstr`, so no byte of them changes, not even where the XML is not well-formed.
"""

import re
from html import escape

from shutterpost.wire.http import Refused
from shutterpost.wire.reply import Reply
from shutterpost.wire.text import one_line

_WHY_LIMIT = 200
_NAME_LIMIT = 64


def success() -> Reply:
    """The upload has arrived."""
    return Reply(200, b'<Response Status="succ" />')


def error(refused: Refused) -> Reply:
    """The camera shows a failure; the comment tells people why (at most 200 bytes)."""
    body = f'<Response ErrCode="{refused.status}" ErrSubCode="0" /><!-- {_comment(refused.why)} -->'
    return Reply(refused.status, body.encode(), fields=refused.fields)


def login(session: str, screen_name: str) -> Reply:
    """Logged in. The camera looks for `LoginPeopleID="`, so the third line stays as it is."""
    name = _attribute(screen_name)
    body = (
        f'<Response SessionKey="{session}">\n'
        '<PersistKey Value=""/>\n'
        f'<CryptSessionKey Value="{session}"/>\n'
        f'<LoginPeopleID="{name}"/>\n'
        '<OAuth URL="http://snsgw.samsungmobile.com/oauth"/>\n'
        "</Response>"
    )
    return Reply(200, body.encode())


def logout() -> Reply:
    """Logged out; any text will do (proven)."""
    return Reply(200, b"Logged out for real!")


def upload(session: str, resource_name: str) -> Reply:
    """Where to put an announced file."""
    body = (
        '<Response HostAddr="snsgw.samsungmobile.com:80" '
        f'ResourceID="upload/{session}/{resource_name}" />'
    )
    return Reply(200, body.encode())


def time(now: float) -> Reply:
    """The ST1000's first question (proven as far as it goes on to ask the next)."""
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><initializeResult>'
        f"<currentServerTime>{int(now * 1000)}</currentServerTime></initializeResult>"
    )
    return Reply(200, body.encode())


def redirect(location: str) -> Reply:
    """Look elsewhere; the short body holds the target again, as the reference's does (proven)."""
    target = escape(location)
    body = (
        "<!DOCTYPE html>\n<html><head><title>Redirecting</title></head><body>\n"
        f'<p>Go to <a href="{target}">{target}</a>.</p>\n</body></html>'
    )
    return Reply(302, body.encode(), fields=(("Location", location),))


def _attribute(text: str) -> str:
    return escape(one_line(text, _NAME_LIMIT))


def _comment(why: str) -> str:
    """Text that can stand in an XML comment: on one line, without `--`, not ending in `-`."""
    line = one_line(re.sub(r"-(?=-)", "- ", why), _WHY_LIMIT)
    return line.removesuffix("-").rstrip()
