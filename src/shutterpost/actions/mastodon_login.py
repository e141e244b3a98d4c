"""`shutterpost login mastodon`: an app of our own on the owner's server, and a token for it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from shutterpost.actions import DeliveryError
from shutterpost.actions.addresses import InsideError, outside
from shutterpost.actions.far_http import Server
from shutterpost.durable import write_private
from shutterpost.wire.text import one_line

SCOPES = "read:accounts read:statuses write:statuses write:media"
"""Reading is for the account's own posts: whether one whose answer was lost was made."""
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect that shows the code to the person instead of sending it anywhere."""


_SAID_LIMIT = 200


class LoginFailed(Exception):
    """The server did not play along; the message says what it said."""


class InsideNetwork(LoginFailed):
    """The server is inside this network: nothing was sent, the owner is to be asked."""


@dataclass(frozen=True, slots=True)
class App:
    """An app that is registered with a server."""

    url: str
    client_id: str
    client_secret: str
    redirect: str = OUT_OF_BAND
    inside: bool = False
    """Whether the owner knows that the server is inside this network."""

    def authorization_url(self, state: str = "") -> str:
        """What the owner opens in a browser."""
        query = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect,
            "scope": SCOPES,
            **({"state": state} if state else {}),
        }
        return f"{self.url}/oauth/authorize?{urlencode(query)}"


async def register(url: str, redirect: str = OUT_OF_BAND, inside: bool = False) -> App:
    """Register Shutterpost with a server. Raises LoginFailed.

    Raises InsideNetwork, before anything is sent, for a server inside this network, unless
    `inside` says that the owner wants one.
    """
    form = {"client_name": "Shutterpost", "redirect_uris": redirect, "scopes": SCOPES}
    found = await _ask(url, "/api/v1/apps", form, inside)
    client_id, client_secret = _values(url, found, "client_id", "client_secret")
    return App(url, client_id, client_secret, redirect, inside)


async def token(app: App, code: str) -> str:
    """The token for an authorization code. Raises LoginFailed."""
    form = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uri": app.redirect,
        "scope": SCOPES,
        "code": code,
    }
    found = await _ask(app.url, "/oauth/token", form, app.inside)
    [access_token] = _values(app.url, found, "access_token")
    return access_token


def write_secret(path: Path, app: App, access_token: str) -> None:
    """Write the secret file, for its owner alone, in the format of Mastodon.py."""
    lines = (access_token, app.url, app.client_id, app.client_secret)
    write_private(path, "".join(f"{line}\n" for line in lines))


def _values(url: str, found: dict[str, Any], *names: str) -> list[str]:
    """What must be in an answer, each on one line. Raises LoginFailed."""
    values = [one_line(str(found.get(name) or ""), 1000) for name in names]
    for name, value in zip(names, values, strict=True):
        if not value:
            raise LoginFailed(f"{url} does not say the {name}")
    return values


async def _ask(url: str, path: str, form: dict[str, str], inside: bool) -> dict[str, Any]:
    try:
        where, host = (url, "") if inside else await outside(url)
        async with Server(where, ssl.create_default_context(), host=host, shown=url) as server:
            answer = await server.ask("POST", path, also=(400, 401, 403, 422), data=form)
    except InsideError as error:
        raise InsideNetwork(str(error)) from None
    except DeliveryError as error:
        raise LoginFailed(str(error)) from None
    found = answer.json()
    if not isinstance(found, dict):
        raise LoginFailed(f"{url} does not answer like a Mastodon server")
    if answer.status >= 400:
        said = str(found.get("error_description") or found.get("error") or "nothing more")
        raise LoginFailed(f"{url} says {answer.status}: {one_line(said, _SAID_LIMIT)}")
    return found
