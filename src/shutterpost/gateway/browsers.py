"""Web sites that make a person's browser send something to the camera door.

A form on any site may post to any address its visitor can reach, and a multipart form looks
like a camera's e-mail. Browsers say whose page sent a request: in `Origin` with every POST
(null if they hide it; Fetch standard, section 3.1), in `Sec-Fetch-Site` to origins they trust,
in `Referer` if they are older. No camera was seen sending the first two. Its own browser shows
pages, and may come by a link or a redirect, so reading is not limited by this.
"""

from urllib.parse import urlsplit

from shutterpost.wire.http import Refused, Request

_READING = ("GET", "HEAD")
_OWN_SITES = ("same-origin", "none")  # a page of ours, or the address bar


def came_from_a_site(request: Request) -> str:
    """What says that another web site's page made a browser send this; empty if nothing does.

    `Origin` counts with our own name too: a hostile site's name may lead to this machine
    (DNS rebinding), and none of our pages sends anything to the camera door.
    """
    if request.values("Origin"):
        return "Origin"
    if any(value.lower() not in _OWN_SITES for value in request.values("Sec-Fetch-Site")):
        return "Sec-Fetch-Site"
    if any(_host(value) != request.host for value in request.values("Referer") if value):
        return "Referer"
    return ""


def refuse_sites(request: Request) -> None:
    """Raises Refused (403) for what a web site made a browser send, unless it only reads."""
    if request.method not in _READING and (field := came_from_a_site(request)):
        raise Refused(403, f"a web page sent this ({field}), and only cameras may")


def _host(url: str) -> str | None:
    """A URL's host; None if it has none or cannot be read, which is no host of ours."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
