"""The requests of Mastodon's API that we need, and what their answers mean."""

from collections.abc import Mapping, Set
from enum import Enum
from typing import Any
from urllib.parse import quote

from shutterpost.actions import PermanentError, TemporaryError
from shutterpost.actions.far_http import Server, json_object
from shutterpost.actions.instance import Limits, limits
from shutterpost.model import Photo

_NOT_TOLD = (401, 403)
_NOT_THERE = (400, 404, 405, 410, 501)
_ID_LIMIT = 200
_URL_LIMIT = 2000
_LOOK_BACK = 40
"""Posts among which one is looked for: the most that Mastodon lists at once."""


class Media(Enum):
    """What a server says about an uploaded file."""

    READY = "ready"
    PROCESSING = "processing"
    GONE = "gone"
    NOT_TOLD = "not told"


class RefusedPost(Exception):
    """The server does not take this post; the message is the server's."""


class Account:
    """One account on one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._id = ""

    async def limits(self) -> Limits:
        """What the server takes, by v2 or v1 of the question, or Mastodon's defaults."""
        for path in ("/api/v2/instance", "/api/v1/instance"):
            answer = await self._server.ask("GET", path, also=_NOT_THERE)
            if answer.status == 200:
                return limits(answer.json())
        return Limits()

    async def upload(self, photo: Photo, alt_text: str) -> tuple[str, bool]:
        """Upload one file; returns its id, and whether it is processed already.

        202 means that it is not; so does an answer without the file's URL.
        """
        try:
            file = photo.path.open("rb")
        except FileNotFoundError:
            raise PermanentError(f"{photo.name} is no longer in the spool") from None
        with file:
            answer = await self._server.ask(
                "POST",
                "/api/v2/media",
                size=photo.size,
                files={"file": (photo.name, file, photo.media_type)},
                data={"description": alt_text} if alt_text else {},
            )
        found = json_object(answer, self._server.url)
        return self._id_of(found), answer.status != 202 and bool(found.get("url"))

    async def look(self, media: str) -> Media:
        """How far a file is. Some servers only tell those that may read (takahe: 403)."""
        path = f"/api/v1/media/{quote(media, safe='')}"
        answer = await self._server.ask("GET", path, also=(404, *_NOT_TOLD))
        return Media.NOT_TOLD if answer.is_html else _MEDIA.get(answer.status, Media.READY)

    async def post(self, status: Mapping[str, Any], key: str) -> dict[str, str]:
        """Post; on a server that knows keys the same one never makes two posts.

        Raises RefusedPost if the server does not take it.
        """
        answer = await self._server.ask(
            "POST",
            "/api/v1/statuses",
            json=status,
            headers={"Idempotency-Key": key},
            also=(400, 404, 422),
        )
        if answer.is_html:  # something before the server
            raise self._server.meaning(answer, "POST /api/v1/statuses")
        if answer.status >= 400:
            raise RefusedPost(f"{self._server.url} says {answer.status}: {answer.why()}")
        return self._made(json_object(answer, self._server.url))

    async def find_post(self, media: Set[str]) -> dict[str, str] | None:
        """The account's latest post that shows one of these files; None if it is not told."""
        if not self._id:
            who = await self._server.ask(
                "GET", "/api/v1/accounts/verify_credentials", also=(*_NOT_TOLD, *_NOT_THERE)
            )
            if who.status != 200:
                return None
            self._id = self._id_of(json_object(who, self._server.url))
        answer = await self._server.ask(
            "GET",
            f"/api/v1/accounts/{quote(self._id, safe='')}/statuses",
            params={"limit": _LOOK_BACK},
            also=(*_NOT_TOLD, *_NOT_THERE),
        )
        found = answer.json() if answer.status == 200 else None
        listed = found if isinstance(found, list) else []
        for status in listed:
            if isinstance(status, dict) and not media.isdisjoint(_attached(status)):
                return self._made(status)
        return None

    def _made(self, found: dict[str, Any]) -> dict[str, str]:
        url = found.get("url") or found.get("uri")
        is_link = isinstance(url, str) and url.startswith(("https://", "http://"))
        return {"id": self._id_of(found), "url": str(url)[:_URL_LIMIT] if is_link else ""}

    def _id_of(self, found: dict[str, Any]) -> str:
        """An id, which is text at Mastodon and may be a number elsewhere."""
        id = found.get("id")
        if isinstance(id, bool) or not isinstance(id, str | int) or not str(id):
            raise TemporaryError(f"{self._server.url} does not say the id of what it made")
        return str(id)[:_ID_LIMIT]


_MEDIA = {
    202: Media.PROCESSING,
    206: Media.PROCESSING,
    404: Media.GONE,
    401: Media.NOT_TOLD,
    403: Media.NOT_TOLD,
}


def _attached(status: dict[str, Any]) -> set[str]:
    """The ids of a post's files."""
    files = status.get("media_attachments")
    return {
        str(file.get("id"))
        for file in (files if isinstance(files, list) else [])
        if isinstance(file, dict)
    }
