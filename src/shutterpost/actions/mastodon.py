"""`mastodon`: one post per shipment, with an alt text for each photo.

Speaks the plain API of Mastodon, which Pixelfed and GoToSocial share. Media ids and posts
are noted as soon as they exist, so that another attempt goes on where the last one
stopped; every post has an Idempotency-Key from the delivery's key, so that one that was
made but never confirmed is not made twice (Mastodon remembers keys for an hour).
"""

import asyncio
import email.utils
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from shutterpost.actions import (
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.actions.exif import camera_model
from shutterpost.actions.post import compose
from shutterpost.config.settings import Mastodon as Settings
from shutterpost.model import Delivery, Photo, caption

TIMEOUT = httpx2.Timeout(60.0)
"""Seconds for each step of a request."""
PROCESSING_LIMIT = 300.0
"""Seconds that a server may take to process one file."""
_LONGEST_POLL = 10.0
_LIMITS_AGE = 3600.0  # seconds after which a server's limits are asked again


@dataclass(frozen=True, slots=True)
class Limits:
    """What an instance takes: characters and files per post."""

    characters: int = 500
    media: int = 4


class Mastodon:
    """Posts to one account."""

    def __init__(self, settings: Settings, poll: float = 1.0) -> None:
        """`poll` is the first pause, in seconds, while a file is processed; it doubles."""
        self._settings = settings
        self._poll = poll
        self._limits: tuple[float, Limits] | None = None
        self._tls = ssl.create_default_context()  # once: it takes 20 ms to read the authorities

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Upload what is not uploaded yet, and post what is not posted yet."""
        progress: dict[str, Any] = {"media": {}, "posts": [], **delivery.progress}
        async with _client(self._settings, self._tls) as client:
            server = _Server(client)
            limits = await self._known_limits(server)
            for index, photo in enumerate(delivery.photos):
                await self._upload(server, delivery, index, photo, progress, note)
            await self._post(server, delivery, limits, progress, note)
        return Outcome(progress["posts"][0]["url"])

    async def _known_limits(self, server: "_Server") -> Limits:
        now = time.monotonic()
        if self._limits is None or now - self._limits[0] > _LIMITS_AGE:
            self._limits = (now, await server.limits())
        return self._limits[1]

    async def _upload(
        self,
        server: "_Server",
        delivery: Delivery,
        index: int,
        photo: Photo,
        progress: dict[str, Any],
        note: Note,
    ) -> None:
        media: dict[str, str] = progress["media"]
        if str(photo.id) not in media:
            alt_texts = caption(delivery.shipment.text).alt_texts
            number = delivery.shipment.photos_before + index
            alt_text = alt_texts[number] if number < len(alt_texts) else ""
            media[str(photo.id)] = await server.upload(photo, alt_text)
            await note(progress)
        await server.processed(media[str(photo.id)], self._poll)

    async def _post(
        self,
        server: "_Server",
        delivery: Delivery,
        limits: Limits,
        progress: dict[str, Any],
        note: Note,
    ) -> None:
        """One post, or a thread of replies if there are more photos than one takes."""
        ids = [progress["media"][str(photo.id)] for photo in delivery.photos]
        groups = [ids[start : start + limits.media] for start in range(0, len(ids), limits.media)]
        posts: list[dict[str, str]] = progress["posts"]
        for number in range(len(posts), len(groups)):
            status: dict[str, Any] = {
                "status": f"{number + 1}/{len(groups)}",
                "media_ids": groups[number],
                "visibility": self._settings.visibility,
            }
            if number == 0:
                status["status"] = await self._text(delivery, limits)
            else:
                status["in_reply_to_id"] = posts[-1]["id"]
            try:
                posts.append(await server.post(status, f"{delivery.key}-{number}"))
            except _MediaGone as error:
                progress["media"] = {}
                await note(progress)
                raise TemporaryError(f"{error}; the photos are uploaded again") from None
            await note(progress)

    async def _text(self, delivery: Delivery, limits: Limits) -> str:
        camera = delivery.shipment.camera
        if not camera:
            camera = await asyncio.to_thread(camera_model, delivery.photos[0].path)
        text = caption(delivery.shipment.text).text
        return compose(text, camera, self._settings.postscript, limits.characters)


async def verify(settings: Settings) -> str:
    """Try a token; returns what its app is called. Raises a DeliveryError."""
    async with _client(settings, ssl.create_default_context()) as client:
        found = _object(await _Server(client).ask("GET", "/api/v1/apps/verify_credentials"))
    return str(found.get("name", ""))


def _client(settings: Settings, tls: ssl.SSLContext) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {settings.token.reveal()}"}
    return httpx2.AsyncClient(base_url=settings.url, headers=headers, timeout=TIMEOUT, verify=tls)


class _MediaGone(Exception):
    """The server no longer knows an uploaded file: it forgets those that no post uses."""


class _Server:
    """The requests, and what their answers mean."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def limits(self) -> Limits:
        answer = await self.ask("GET", "/api/v2/instance", also=(404,))
        found = _object(answer) if answer.status_code == 200 else {}
        statuses = found.get("configuration", {}).get("statuses", {})
        usual = Limits()
        return Limits(
            characters=int(statuses.get("max_characters") or usual.characters),
            media=int(statuses.get("max_media_attachments") or usual.media),
        )

    async def upload(self, photo: Photo, alt_text: str) -> str:
        """Upload one file; returns its id, whether or not it is processed by then."""
        with photo.path.open("rb") as file:
            answer = await self.ask(
                "POST",
                "/api/v2/media",
                files={"file": (photo.name, file, photo.media_type)},
                data={"description": alt_text} if alt_text else {},
            )
        return str(_object(answer)["id"])

    async def processed(self, media_id: str, poll: float) -> None:
        """Wait until a file is processed. Raises TemporaryError if that takes too long."""
        waited = 0.0
        while True:
            answer = await self.ask("GET", f"/api/v1/media/{media_id}", also=(404,))
            if answer.status_code == 404:  # gone, or a server that does not tell
                return
            if answer.status_code not in (202, 206):
                return
            if waited > PROCESSING_LIMIT:
                raise TemporaryError("the server is still processing a photo")
            await asyncio.sleep(poll)
            waited += poll
            poll = min(2 * poll, _LONGEST_POLL)

    async def post(self, status: Mapping[str, Any], key: str) -> dict[str, str]:
        """Post; the same `key` never makes two posts."""
        answer = await self.ask(
            "POST", "/api/v1/statuses", json=status, headers={"Idempotency-Key": key}, also=(422,)
        )
        if answer.status_code == 422:
            why = _why(answer)
            raise _MediaGone(why) if "media" in why.lower() else PermanentError(why)
        found = _object(answer)
        return {"id": str(found["id"]), "url": str(found.get("url") or found.get("uri") or "")}

    async def ask(
        self, method: str, path: str, also: tuple[int, ...] = (), **options: Any
    ) -> httpx2.Response:
        """Ask; an answer without 2xx or one of `also` is raised as what it means."""
        try:
            answer = await self._client.request(method, path, **options)
        except httpx2.HTTPError as error:
            why = str(error) or type(error).__name__
            raise TemporaryError(f"{self._client.base_url} cannot be reached: {why}") from None
        status = answer.status_code
        if 200 <= status < 300 or status in also:
            return answer
        said = f"{self._client.base_url} says {status} to {method} {path}: {_why(answer)}"
        if status in (401, 403):
            raise MisconfiguredError(said)
        if status in (408, 425, 429) or status >= 500:
            raise TemporaryError(said, _retry_after(answer))
        raise PermanentError(said)


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TemporaryError(f"{answer.url} did not answer with a JSON object")
    return found


def _why(answer: httpx2.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        found = None
    said = found.get("error", "") if isinstance(found, dict) else answer.text
    return " ".join(str(said).split())[:200]


def _retry_after(answer: httpx2.Response) -> float | None:
    """Seconds until the server wants to be asked again, if it says so."""
    now = time.time()
    if value := answer.headers.get("Retry-After", ""):
        if value.isdigit():
            return float(value)
        if (date := _http_date(value)) is not None:
            return max(0.0, date - now)
    try:
        reset = datetime.fromisoformat(answer.headers.get("X-RateLimit-Reset", ""))
    except ValueError:
        return None
    return max(0.0, reset.replace(tzinfo=reset.tzinfo or UTC).timestamp() - now)


def _http_date(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
