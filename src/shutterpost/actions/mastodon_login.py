"""`shutterpost login mastodon`: an app of our own on the owner's server, and a token for it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx2

from shutterpost.durable import write_private

SCOPES = "write:statuses write:media"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect that shows the code to the person instead of sending it anywhere."""


class LoginFailed(Exception):
    """The server did not play along; the message says what it said."""


@dataclass(frozen=True, slots=True)
class App:
    """An app that is registered with a server."""

    url: str
    client_id: str
    client_secret: str
    redirect: str = OUT_OF_BAND

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


def register(url: str, redirect: str = OUT_OF_BAND) -> App:
    """Register Shutterpost with a server. Raises LoginFailed."""
    found = _post(
        f"{url}/api/v1/apps",
        {"client_name": "Shutterpost", "redirect_uris": redirect, "scopes": SCOPES},
    )
    client_id, client_secret = _values(url, found, "client_id", "client_secret")
    return App(url, client_id, client_secret, redirect)


def token(app: App, code: str) -> str:
    """The token for an authorization code. Raises LoginFailed."""
    found = _post(
        f"{app.url}/oauth/token",
        {
            "grant_type": "authorization_code",
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "redirect_uri": app.redirect,
            "scope": SCOPES,
            "code": code,
        },
    )
    [access_token] = _values(app.url, found, "access_token")
    return access_token


def write_secret(path: Path, app: App, access_token: str) -> None:
    """Write the secret file, for its owner alone, in the format of Mastodon.py."""
    lines = (access_token, app.url, app.client_id, app.client_secret)
    write_private(path, "".join(f"{line}\n" for line in lines))


def _values(url: str, found: dict[str, str], *names: str) -> list[str]:
    """What must be in an answer. Raises LoginFailed."""
    if missing := [name for name in names if not found.get(name)]:
        raise LoginFailed(f"{url} does not say the {missing[0]}")
    return [found[name] for name in names]


def _post(url: str, data: dict[str, str]) -> dict[str, str]:
    try:
        answer = httpx2.post(url, data=data, timeout=30.0)
        found = answer.json()
    except httpx2.HTTPError as error:
        raise LoginFailed(f"{url} cannot be reached: {error!r}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LoginFailed(f"{url} does not answer like a Mastodon server")
    if answer.status_code >= 400:
        said = str(found.get("error_description") or found.get("error") or "nothing more")
        raise LoginFailed(f"{url} says {answer.status_code}: {' '.join(said.split())}")
    return {name: str(value) for name, value in found.items()}
