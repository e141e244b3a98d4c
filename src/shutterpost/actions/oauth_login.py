"""`shutterpost login email`: a refresh token by the device-code flow (RFC 8628)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shutterpost.actions import DeliveryError, TemporaryError
from shutterpost.actions.oauth import Refused, ask, grant, seconds
from shutterpost.wire.text import one_line

MICROSOFT = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
"""Where Microsoft's tokens come from, for work, school and private mailboxes."""
MICROSOFT_SCOPE = "https://outlook.office.com/SMTP.Send offline_access"

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
_MOST = 1800.0  # seconds that a code is waited for
_SLOWER = 5.0  # seconds more between two questions (RFC 8628, 3.5)
_TEXT_LIMIT = 500


class LoginFailed(Exception):
    """There is no token; the message says what the server said."""


@dataclass(frozen=True, slots=True)
class Client:
    """The app that logs in, and where."""

    token_url: str
    device_url: str
    client_id: str
    client_secret: str
    scope: str

    def form(self, **more: str) -> dict[str, str]:
        """What goes with every question."""
        secret = {"client_secret": self.client_secret} if self.client_secret else {}
        return {"client_id": self.client_id, **secret, **more}


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the person opens and types, within `lifetime` seconds; asked for every `interval`."""

    code: str
    user_code: str
    url: str
    lifetime: float
    interval: float


def device_url(token_url: str) -> str:
    """Where codes come from, as far as that is known from where tokens do: at Microsoft."""
    return token_url[: -len("token")] + "devicecode" if "/oauth2/v2.0/token" in token_url else ""


async def begin(client: Client) -> DeviceCode:
    """A code for the person. Raises LoginFailed."""
    try:
        found = await ask(client.device_url, client.form(scope=client.scope))
    except DeliveryError as error:
        raise LoginFailed(str(error)) from None
    url = found.get("verification_uri") or found.get("verification_url")  # Google's word
    texts = [
        one_line(str(text or ""), 2 * _TEXT_LIMIT)
        for text in (found.get("device_code"), found.get("user_code"), url)
    ]
    if not all(texts):
        raise LoginFailed(f"{client.device_url} gives no code")
    code, user_code, where = texts
    lifetime = seconds(found.get("expires_in"), _MOST, _MOST)
    return DeviceCode(code, user_code, where, lifetime, seconds(found.get("interval"), 5.0, 60.0))


async def refresh_token(
    client: Client,
    device: DeviceCode,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> str:
    """The refresh token, once the person has said yes. Raises LoginFailed."""
    form = client.form(grant_type=_GRANT_TYPE, device_code=device.code)
    interval, waited = device.interval, 0.0
    while waited < device.lifetime:
        await pause(interval)
        waited += interval
        try:
            granted = await grant(client.token_url, form)
        except Refused as error:
            if error.error == "slow_down":
                interval += _SLOWER
            elif error.error != "authorization_pending":
                raise LoginFailed(str(error)) from None
        except TemporaryError:  # the network, say: ask more slowly (RFC 8628, 3.5)
            interval *= 2
        except DeliveryError as error:
            raise LoginFailed(str(error)) from None
        else:
            if not granted.refresh_token:
                raise LoginFailed(f"{client.token_url} gives no refresh token: is the scope right?")
            return granted.refresh_token
    raise LoginFailed("nobody entered the code in time")
