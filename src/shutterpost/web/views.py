"""What people see: photos, deliveries, cameras; and entering and leaving."""

import asyncio
import dataclasses
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from shutterpost.spool import browse, queue
from shutterpost.spool.browse import Card
from shutterpost.spool.deliveries import FAILED, WAITING
from shutterpost.spool.pauses import paused
from shutterpost.web import videos
from shutterpost.web.entry import COOKIE, LIFETIME, VISIT, Entry, TooManyTries
from shutterpost.web.house import House
from shutterpost.web.pages import FOLDER, Pages, scheme
from shutterpost.web.pictures import SIZES, Pictures

PAGE_SIZE = 48
"""Photos on one page."""
LIST_SIZE = 100
"""Deliveries of each kind on one page."""
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


class EntryViews:
    """Logging in and out."""

    def __init__(self, house: House, entry: Entry, pages: Pages) -> None:
        self._house = house
        self._entry = entry
        self._pages = pages

    async def login_form(self, request: Request) -> Response:
        """Ask for the password."""
        if request.state.session:
            return RedirectResponse("/", 303)
        return await self._form(request, 200, "")

    async def login(self, request: Request) -> Response:
        """Take the password; ten wrong ones in a minute shut an address out."""
        form = await request.form(max_files=0, max_fields=10)
        if not self._entry.owns(request.cookies.get(VISIT, ""), str(form.get("visit", ""))):
            return await self._form(request, 403, "This page was too old: try again.")
        client = request.client.host if request.client else ""
        try:
            known = await self._entry.admit(client, str(form.get("password", "")))
        except TooManyTries:
            said = "Too many wrong passwords: try again in five minutes."
            return await self._form(request, 429, said)
        if not known:
            said = "That is not the password. `shutterpost password` shows it."
            return await self._form(request, 403, said)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            await self._entry.cookie(),
            max_age=LIFETIME,
            httponly=True,
            samesite="strict",
            secure=scheme(request) == "https",
        )
        answer.delete_cookie(VISIT, path="/login", httponly=True, samesite="strict")
        return answer

    async def _form(self, request: Request, status: int, wrong: str) -> Response:
        """The form; its token belongs to a cookie of this visit, as there is no session yet."""
        visit = secrets.token_urlsafe(16)
        answer = await self._pages.page(
            request, "login.html", status, wrong=wrong, visit=self._entry.token(visit)
        )
        answer.set_cookie(VISIT, visit, path="/login", httponly=True, samesite="strict")
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session, and every other one of the owner's."""
        await self._pages.form(request)
        await asyncio.to_thread(self._entry.end_sessions)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


class PhotoViews:
    """Photos, and one photo."""

    def __init__(self, house: House, pages: Pages, pictures: Pictures) -> None:
        self._house = house
        self._pages = pages
        self._pictures = pictures

    async def newest(self, request: Request) -> Response:
        """The newest photos, or those older than one."""
        before = _number(request.query_params.get("before"))
        files = self._house.spool.files
        cards = await self._house.spool.database.read(
            lambda connection: browse.newest(connection, files, before, PAGE_SIZE + 1)
        )
        shown = cards[:PAGE_SIZE]
        return await self._pages.page(
            request,
            "photos.html",
            cards=[await self._described(card) for card in shown],
            older=shown[-1].id if len(cards) > PAGE_SIZE else None,
            first=before is None,
        )

    async def photo(self, request: Request) -> Response:
        """One photo, large, with all that is known of it."""
        card = await self._card(request)

        def read(connection: Connection) -> tuple[object, object]:
            ids = [sent.id for sent in card.deliveries]
            return browse.neighbours(connection, card.id), browse.history(connection, ids)

        neighbours, history = await self._house.spool.database.read(read)
        card, length = await self._described(card)
        return await self._pages.page(
            request,
            "photo.html",
            card=card,
            length=length,
            neighbours=neighbours,
            history=history,
            folder=self._shared_folder(card),
            details=await self._pictures.details(card),
            shown=await self._pictures.largest(card),
        )

    async def picture(self, request: Request) -> Response:
        """A photo's picture, small or large."""
        kind = request.path_params["kind"]
        if kind not in SIZES:
            raise HTTPException(404)
        path = await self._pictures.picture(await self._card(request), kind)
        if path is None:  # a list of photos shows a sign in its place
            return FileResponse(FOLDER / "static" / "no-picture.svg")
        return FileResponse(path, media_type="image/jpeg", headers=_FOREVER)

    async def download(self, request: Request) -> Response:
        """The file as the camera sent it."""
        card = await self._card(request)
        if card.path is None or not card.path.exists():
            raise HTTPException(404, "the file has left the spool, as [storage] keep says")
        return FileResponse(
            card.path,
            media_type=card.media_type,
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(card.name)}"},
        )

    def _shared_folder(self, card: Card) -> str:
        """The folder in which others see this photo, if they may."""
        if not self._house.config.web.folders:
            return ""
        stored = (Path(sent.receipt) for sent in card.deliveries if sent.action == "store")
        return next((path.parent.name for path in stored if path.name), "")

    async def _card(self, request: Request) -> Card:
        number, files = request.path_params["id"], self._house.spool.files
        card = await self._house.spool.database.read(
            lambda connection: browse.photo(connection, files, number)
        )
        if card is None:
            raise HTTPException(404, "there is no such photo")
        return card

    async def _described(self, card: Card) -> tuple[Card, str]:
        """A photo with its camera, a video with its length."""
        card = dataclasses.replace(card, camera=await self._pictures.camera(card))
        return card, await asyncio.to_thread(_length, card) if card.is_video else ""


class DeliveryViews:
    """What waits and what failed, and mending it."""

    def __init__(self, house: House, pages: Pages) -> None:
        self._house = house
        self._pages = pages

    async def list(self, request: Request) -> Response:
        """Failed and waiting deliveries, and paused actions."""
        return await self._pages.page(request, "deliveries.html", **await self._found())

    async def retry(self, request: Request) -> Response:
        """Try one now, from the list or from its photo's page."""
        photo = _number((await self._pages.form(request)).get("photo"))
        number = request.path_params["id"]
        said = await self._change(lambda connection, now: queue.retry(connection, number, now))
        where = "/deliveries" if photo is None else f"/photos/{photo}"
        return self._pages.back(request, where, said or "It is tried now.")

    async def retry_all(self, request: Request) -> Response:
        """Try all that failed now."""
        await self._pages.form(request)
        said = await self._change(queue.retry_failed)
        return self._pages.back(request, "/deliveries", said or "They are tried now.")

    async def drop_form(self, request: Request) -> Response:
        """Ask before one is given up."""
        number = request.path_params["id"]
        try:
            entry = await self._house.spool.database.read(
                lambda connection: queue.entry(connection, number)
            )
        except queue.NotPossible as error:
            raise HTTPException(404, str(error)) from None
        return await self._pages.page(request, "drop.html", entry=entry)

    async def drop(self, request: Request) -> Response:
        """Give one up."""
        await self._pages.form(request)
        number = request.path_params["id"]
        said = await self._change(lambda connection, now: queue.drop(connection, number, now))
        return self._pages.back(request, "/deliveries", said or "It is given up.")

    async def _change(self, work: queue.Change) -> str:
        """Change the queue; returns why that is not possible, or nothing."""
        now = self._house.clock()
        try:
            changed = await self._house.spool.database.write(
                lambda connection: work(connection, now)
            )
        except queue.NotPossible as error:
            return f"{error}."
        self._house.couriers.try_paused()
        if changed:  # whoever watches looks at everything anew
            self._house.live.shipment(changed[0])
        return ""

    async def _found(self) -> dict[str, Any]:
        def read(connection: Connection) -> dict[str, Any]:
            numbers = browse.counts(connection)
            return {
                "failed_list": browse.unfinished(connection, FAILED, LIST_SIZE),
                "more_failed": max(0, numbers[FAILED] - LIST_SIZE),
                "waiting_list": browse.unfinished(connection, WAITING, LIST_SIZE),
                "more_waiting": max(0, numbers[WAITING] - LIST_SIZE),
                "paused": paused(connection),
            }

        return await self._house.spool.database.read(read)


class CameraViews:
    """Devices that were seen, and what they asked that nobody knows."""

    def __init__(self, house: House, pages: Pages) -> None:
        self._house = house
        self._pages = pages
        self._unknown = house.config.storage.data / "unknown"

    async def list(self, request: Request) -> Response:
        """Every device, the latest first."""
        known = self._house.devices
        devices = [(device, known.name_of(device.client)) for device in known.all()]
        reports = sorted(path.name for path in self._unknown.glob("*.http"))
        return await self._pages.page(request, "cameras.html", devices=devices, reports=reports)

    async def report(self, request: Request) -> Response:
        """One unknown request, to be sent to us."""
        name = request.path_params["name"]
        path = self._unknown / name
        if "/" in name or not name.endswith(".http") or not path.is_file():
            raise HTTPException(404, "there is no such report")
        return FileResponse(path, media_type="application/octet-stream", filename=name)


def _length(card: Card) -> str:
    """A video's length as minutes and seconds, if it says so."""
    try:
        seconds = None if card.path is None else videos.duration(card.path)
    except OSError:
        return ""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
