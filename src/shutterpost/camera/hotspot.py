"""The hotspot check: a camera asks a well-known host whether it is behind a login page.

Holds the proven answers (docs/protocol.md, section 2) and finds out which of them let a
camera go on. The reference server alternates with one global flag, so that two cameras
break each other; here each client and host has its own turn, and what worked is remembered.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from shutterpost.camera import replies
from shutterpost.camera.models import MODELS, MSN, YAHOO, recognise
from shutterpost.wire.reply import Reply

GOES_ON_WITHIN = 120.0
"""Seconds after an answer in which a login or an upload shows that it was right."""
ATTEMPT = 3.0
"""Seconds in which several checks are one attempt to share."""
CLIENT_LIMIT = 10_000
"""The most clients and hosts that are remembered at once; the oldest are forgotten."""

REDIRECT, COOKIE = "redirect", "cookie"
_OTHER = {REDIRECT: COOKIE, COOKIE: REDIRECT}
_AGENT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Check:
    """How one host's check is answered."""

    location: str
    """http, not https: the firmware stumbles over the s (proven)."""
    body: bytes
    domain: str
    """The cookie's domain; its leading dot matters (proven)."""

    def reply(self, answer: str) -> Reply:
        """One of the two proven answers."""
        if answer == REDIRECT:
            return replies.redirect(self.location)
        cookie = f"samsung=hotspot; Domain={self.domain}; Path=/"
        return Reply(200, self.body, fields=(("Set-Cookie", cookie),))


CHECKS = {
    YAHOO: Check("http://yahoo.com", b"YAHOO!", ".yahoo.co.kr"),
    MSN: Check("http://msn.com", b"MSN", ".msn.com"),
}


def gld() -> Reply:
    """What NX mini firmware 1.10 looks for; older cameras only need the 200 (proven)."""
    return Reply(200, fields=(("ETag", '"deadbeef"'), ("Server", "nginx/notreally")))


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a check, and whether the memory of what worked turned out to be wrong."""

    answer: str
    forgotten: bool


@dataclass(slots=True)
class _Turn:
    """One client's last attempt at one host: what it began with, and what came of it."""

    began: str = _OTHER[COOKIE]
    answered: str = ""
    since: float = -math.inf
    when: float = -math.inf
    shared: bool = False
    remembered: str = ""


class Turns:
    """Whose turn which answer is.

    Within an attempt the answers alternate, so that cameras that ask twice get both. A new
    attempt begins with the other answer than the last one began with, unless that one was
    followed by a share: what it began with then comes first, as long as shares follow. So a
    camera fails at most once, whichever of its checks it judges by. The cookie is first of all:
    from 2024 to 2025 the reference gave nothing else, and no camera is known that needs the
    redirect.
    """

    def __init__(self, learned: Iterable[tuple[str, str, str]] = ()) -> None:
        """`learned` are (client, host, answer) of earlier runs."""
        self._turns: OrderedDict[tuple[str, str], _Turn] = OrderedDict()
        for client, host, answer in learned:
            self._turns[client, host] = _Turn(began=answer, shared=True, remembered=answer)

    def take(self, client: str, host: str, now: float) -> Taken:
        """The answer that `client` gets from `host` now."""
        turn = self._turns.setdefault((client, host), _Turn())
        self._turns.move_to_end((client, host))
        if len(self._turns) > CLIENT_LIMIT:
            self._turns.popitem(last=False)
        forgotten = False
        if not turn.shared and 0.0 <= now - turn.since < ATTEMPT:
            turn.answered = _OTHER[turn.answered]
        else:
            if not turn.shared:
                turn.began = _OTHER[turn.began]
                forgotten, turn.remembered = bool(turn.remembered), ""
            turn.answered, turn.since, turn.shared = turn.began, now, False
        turn.when = now
        return Taken(turn.answered, forgotten)

    def went_on(self, client: str, now: float) -> list[tuple[str, str]]:
        """`client` logs in or uploads: the (host, answer) pairs that are to be remembered."""
        learned = []
        for host in CHECKS:
            turn = self._turns.get((client, host))
            if turn and not turn.shared and now - turn.when <= GOES_ON_WITHIN:
                turn.shared = True
                if turn.remembered != turn.began:
                    turn.remembered = turn.began
                    learned.append((host, turn.began))
        return learned

    def asked(self, client: str) -> str:
        """Which host `client` checked last, if any."""
        found = [(turn.when, host) for host in CHECKS if (turn := self._turns.get((client, host)))]
        return max(found)[1] if found else ""


def page(user_agent: str, asked: str) -> Reply:
    """What the camera's browser shows when it was sent here; for people too.

    Small enough for one segment, without script, for a 2012 browser on a 3-inch screen.
    """
    agent = _cut(user_agent)
    model = recognise(agent)
    known = model.name if model else _who_asks(asked)
    lines = [
        "<!DOCTYPE html><html><head><title>Shutterpost</title></head><body>",
        "<h1>Connected</h1>",
        "<p>This camera has reached Shutterpost.</p>",
        "<p>To get back, press the camera's back or menu key, then share again.</p>",
        f"<p>Camera: {escape(known)}</p>" if known else "<p>Camera: not recognised</p>",
        f"<p><small>{escape(agent)}</small></p></body></html>",
    ]
    return Reply(200, "\n".join(lines).encode())


def oauth_page() -> Reply:
    """What the camera's browser shows for a site whose login nobody has recorded."""
    return Reply(
        200,
        b"<!DOCTYPE html><html><head><title>Shutterpost</title></head><body>\n"
        b"<h1>Not this one</h1>\n"
        b"<p>SkyDrive, Flickr and Dropbox log in in a way that nobody has recorded, so "
        b"Shutterpost cannot stand in for them.</p>\n"
        b"<p>Press the camera's back key and choose another, for example Facebook or "
        b"Picasa: your own settings decide where the photo goes.</p></body></html>",
    )


def _who_asks(host: str) -> str:
    names = [model.name for model in MODELS if host in model.extra_hosts]
    return f"one of {', '.join(names)}" if names else ""


def _cut(user_agent: str) -> str:
    return user_agent.encode()[:_AGENT_LIMIT].decode("utf-8", "ignore")
