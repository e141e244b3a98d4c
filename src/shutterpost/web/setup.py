"""Setting up: names for a camera's resolver, a Mastodon account, and trying it all."""

import asyncio
import dataclasses
import io
import secrets
import tempfile
from collections import OrderedDict
from pathlib import Path

from PIL import Image, ImageDraw
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shutterpost.actions import DeliveryError
from shutterpost.camera.models import MODELS, HostsFile, Model, Works, find_model
from shutterpost.camera.sites import SITES
from shutterpost.config import Config
from shutterpost.config.fitting import is_safe
from shutterpost.config.values import Secret, folder_name, mail_address, url
from shutterpost.hosts import FORMATS, Wanted, own_address, wanted
from shutterpost.web.house import House
from shutterpost.web.pages import Pages, scheme

RECENT = 900.0
"""Seconds in which a step of a camera counts as its latest."""
_LOGIN_LIMIT = 20  # Mastodon logins that are begun and not finished


class SetupViews:
    """The page that gets a camera going."""

    def __init__(self, house: House, pages: Pages) -> None:
        self._house = house
        self._pages = pages
        self._turn = asyncio.Semaphore(1)  # tests and logins wait for others, in a thread
        self._logins: OrderedDict[str, tuple[object, str]] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """Names for a chosen camera, and how far it has come."""
        model = _chosen(request.query_params.get("camera", ""))
        address = _address(self._house.config)
        names = wanted(address, model)
        return await self._pages.page(
            request,
            "setup.html",
            models=[known for known in MODELS if known.works not in (Works.NO, Works.NOT_YET)],
            model=model,
            address=address,
            names=names.names,
            port=self._house.camera_port,
            formats=_formats(names, model) if address else {},
            steps=self._steps(model),
            dns=self._house.config.dns.listen is not None,
            mail=self._house.config.email.host,
            sites=[site.name for site in SITES.values() if not site.oauth],
            instances=[name for name in self._house.config.mastodon if name],
        )

    def _steps(self, model: Model | None) -> dict[str, str]:
        """Which device took each step lately, if any did; not one that is another model."""
        now, devices = self._house.clock(), self._house.devices
        found = {"dns": "", "check": "", "upload": ""}
        for device in reversed(devices.all()):
            if model and devices.name_of(device.client) not in (model.name, device.client):
                continue
            for step, when in (
                ("dns", device.last_dns),
                ("check", device.last_check),
                ("upload", device.last_upload),
            ):
                if now - when < RECENT:
                    found[step] = device.client
        return found

    async def test_mail(self, request: Request) -> Response:
        """Send a mail through the configured server."""
        form = await self._pages.form(request)
        try:
            to = mail_address(form.get("to", "").strip())
            if not to:
                raise ValueError("give an address")
            async with self._turn:
                await asyncio.to_thread(self._send_mail, to)
        except (ValueError, DeliveryError) as error:
            return self._pages.back(request, "/setup", f"The mail did not go out: {error}")
        return self._pages.back(request, "/setup", f"A mail is on its way to {to}.")

    async def test_photo(self, request: Request) -> Response:
        """Be a camera, and send a photo the whole way."""
        form = await self._pages.form(request)
        to = form.get("to", "").strip()
        try:
            if to not in SITES and not mail_address(to):
                raise ValueError("give an address or a site")
            async with self._turn:
                await asyncio.to_thread(self._send_photo, to)
        except (ValueError, OSError, _not_sent()) as error:
            return self._pages.back(request, "/setup", f"The photo was not taken: {error}")
        return self._pages.back(request, "/", f"A photo for {to} has arrived as from a camera.")

    async def connect(self, request: Request) -> Response:
        """Register with a Mastodon server, and lead the person there."""
        from shutterpost.actions.mastodon_login import InsideNetwork, LoginFailed, register

        form = await self._pages.form(request)
        instance = form.get("instance", "").strip()
        try:
            server = url(_with_scheme(form.get("url", "").strip()))
            if not server or not is_safe(server):
                raise ValueError("give your server as https://photog.social")
            if instance:
                folder_name(instance)
            back = f"{scheme(request)}://{request.headers['Host']}/setup/mastodon/back"
            async with self._turn:
                app = await register(server, back, inside=form.get("inside") == "yes")
        except InsideNetwork as error:
            return await self._pages.page(
                request, "inside.html", said=str(error), server=server, instance=instance
            )
        except (ValueError, LoginFailed) as error:
            return self._pages.back(request, "/setup", f"Not connected: {error}")
        state = secrets.token_urlsafe(16)
        self._logins[state] = (app, instance)
        if len(self._logins) > _LOGIN_LIMIT:
            self._logins.popitem(last=False)
        return await self._pages.page(
            request, "connect.html", server=server, where=app.authorization_url(state)
        )

    async def came_back(self, request: Request) -> Response:
        """The server leads the person back here.

        A browser does not send our cookie with a link from elsewhere (SameSite=Strict), so
        this page, which everyone may see and which does nothing, leads on by itself.
        """
        query = {name: request.query_params.get(name, "") for name in ("code", "state")}
        return await self._pages.page(request, "back.html", query=query)

    async def finish(self, request: Request) -> Response:
        """Take the code, and keep the token that it is good for."""
        from shutterpost.actions.mastodon import Mastodon
        from shutterpost.actions.mastodon_login import App, LoginFailed, token, write_secret

        found = self._logins.pop(request.query_params.get("state", ""), None)
        if found is None:
            raise HTTPException(404, "this login was not begun here, or is finished already")
        app, instance = found
        assert isinstance(app, App)
        try:
            async with self._turn:
                access = await token(app, request.query_params.get("code", ""))
        except LoginFailed as error:
            return self._pages.back(request, "/setup", f"Not connected: {error}")
        suffix = f"-{instance}" if instance else ""
        path = self._house.config.storage.data / f"mastodon{suffix}.secret"
        try:
            await asyncio.to_thread(write_secret, path, app, access)
        except OSError as error:
            said = f"Connected until the next start only: {path}: {error.strerror}"
        else:
            said = ""
        known = self._house.config.mastodon
        settings = dataclasses.replace(
            known.get(instance, known[""]), url=app.url, token=Secret(access)
        )
        name = f"mastodon.{instance}" if instance else "mastodon"
        self._house.couriers.replace(name, Mastodon(settings))
        said = said or self._connected(app.url, name, instance)
        return self._pages.back(request, "/setup", said)

    def _connected(self, server: str, name: str, instance: str) -> str:
        """What is still to be done."""
        said = f"Connected to {server}."
        own = self._house.config.mastodon.get(instance)
        if own is not None and own.token and own.url != server:
            return f"{said} Your configuration names another account in [{name}]: take it out."
        if name not in map(str, self._house.config.actions.values()):
            return (
                f'{said} Now say in the configuration what goes there, as in: facebook = "{name}"'
            )
        return said

    def _send_mail(self, to: str) -> None:
        from shutterpost.actions import own_mail
        from shutterpost.actions.smtp import Patience

        settings = self._house.config.email
        if not settings.host:
            raise ValueError("no SMTP server is configured: set [email] host")
        text = "This is the test mail that you asked for on Shutterpost's page.\n"
        patience = Patience(step=20.0, answer=60.0)  # somebody waits in front of the page
        now = self._house.clock()
        own_mail.send(settings, to, "Shutterpost can mail", text, now, patience)

    def _send_photo(self, to: str) -> None:
        from shutterpost.simulator import Camera, Shot

        listen = self._house.config.server.listen.host
        host = listen if listen not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
        senders = [sender for sender in self._house.config.senders if sender != "*"]
        sender = next((name for name in senders if "@" in name or to in SITES), "me@example.org")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "SAM_TEST.JPG"
            path.write_bytes(_test_picture(secrets.token_hex(4)))
            text = "A test from Shutterpost's page~a card with a number on it"
            password = self._house.config.accounts.get(sender.lower())
            shot = Shot([path], sender, [to], text, password.password.reveal() if password else "")
            camera = Camera(find_model("NX300"), (host, self._house.camera_port))
            if to in SITES:
                camera.share(to, shot, lambda sent: None)
            else:
                camera.email(shot, lambda sent: None)


def _not_sent() -> type[Exception]:
    from shutterpost.simulator import NotSent

    return NotSent


def _test_picture(number: str) -> bytes:
    """A photo that differs from every other, so that it is no retry."""
    image = Image.new("RGB", (640, 427), (38, 70, 83))
    drawing = ImageDraw.Draw(image)
    drawing.rectangle((40, 40, 600, 387), outline=(233, 196, 106), width=6)
    drawing.text((80, 180), f"Shutterpost test {number}", fill=(255, 255, 255), font_size=36)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return data.getvalue()


def _address(config: Config) -> str:
    """What cameras' names should resolve to; empty where this machine has no address."""
    if config.dns.address != "auto":
        return config.dns.address
    try:
        return own_address()
    except OSError:
        return ""


def _formats(names: Wanted, model: Model | None) -> dict[str, tuple[str, str]]:
    """What each format is for, and its text; a card's files only for cameras that read them."""
    has_file = model is not None and model.hosts_file is not HostsFile.NONE
    return {
        name: (write.__doc__ or "", write(names))
        for name, write in FORMATS.items()
        if name != "autoexec" or has_file
    }


def _chosen(name: str) -> Model | None:
    try:
        return find_model(name) if name else None
    except KeyError:
        return None


def _with_scheme(text: str) -> str:
    return text if "://" in text or not text else f"https://{text}"
