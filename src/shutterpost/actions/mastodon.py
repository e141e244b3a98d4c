"""`mastodon`: one post per shipment, with an alt text for each photo.

Speaks the plain API of Mastodon, which Pixelfed and GoToSocial share. Media ids and posts
are noted as soon as they exist, so that another attempt goes on where the last one
stopped. Every post has an Idempotency-Key from the delivery's key, but not every server
knows such keys, and Mastodon forgets them after an hour: before a post whose answer was
lost is made again, it is looked for among the account's posts, if the token may read them.
"""

import asyncio
import ssl
import time
from typing import Any

from shutterpost.actions import Note, Outcome, PermanentError, TemporaryError
from shutterpost.actions.far_http import Server, json_object
from shutterpost.actions.instance import Limits
from shutterpost.actions.mastodon_api import Account, Media, RefusedPost
from shutterpost.actions.post import compose, cut, groups
from shutterpost.config.settings import Mastodon as Settings
from shutterpost.images.details import camera_model
from shutterpost.model import Delivery, Photo, caption
from shutterpost.wire.text import one_line

PROCESSING_LIMIT = 300.0
"""Seconds that a server may take to process one file, in one attempt."""
_LONGEST_POLL = 10.0
_WHO = (
    ("/api/v1/apps/verify_credentials", "name", "", (401, 403)),  # of a token without an app
    ("/api/v1/accounts/verify_credentials", "acct", "@", (403,)),
)
_LIMITS_AGE = 3600.0  # seconds after which a server's limits are asked again


class Mastodon:
    """Posts to one account."""

    def __init__(
        self, settings: Settings, poll: float = 1.0, processing_limit: float = PROCESSING_LIMIT
    ) -> None:
        """`poll` is the first pause, in seconds, while a file is processed; it doubles."""
        self._settings = settings
        self._poll = poll
        self._processing_limit = processing_limit
        self._limits: tuple[float, Limits] | None = None
        self._tls = ssl.create_default_context()  # once: it takes 20 ms to read the authorities

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Upload what is not uploaded yet, and post what is not posted yet."""
        async with _server(self._settings, self._tls) as server:
            account = Account(server)
            limits = await self._known_limits(account)
            attempt = _Attempt(self, account, limits, delivery, note)
            await attempt.find()
            await attempt.upload()
            await attempt.post()
        return attempt.outcome()

    async def _known_limits(self, account: Account) -> Limits:
        now = time.monotonic()
        if self._limits is None or now - self._limits[0] > _LIMITS_AGE:
            self._limits = (now, await account.limits())
        return self._limits[1]

    async def processed(self, account: Account, media: str, name: str) -> None:
        """Wait until a file is processed. Raises TemporaryError if that takes too long."""
        waited, poll = 0.0, self._poll
        while await account.look(media) is Media.PROCESSING:
            if waited > self._processing_limit:
                raise TemporaryError(f"the server is still processing a photo, {name}")
            await asyncio.sleep(poll)
            waited += poll
            poll = min(2 * poll, _LONGEST_POLL)

    async def text(self, delivery: Delivery, limits: Limits) -> str:
        """What the first post says."""
        camera = delivery.shipment.camera if self._settings.camera else ""
        if self._settings.camera and not camera:
            camera = await asyncio.to_thread(camera_model, delivery.photos[0].path)
        text = caption(delivery.shipment.text).text
        return compose(text, camera, self._settings.postscript, limits.characters, limits.url)

    @property
    def settings(self) -> Settings:
        """The account's settings."""
        return self._settings


class _Attempt:
    """One attempt of one delivery.

    Its progress: `media`, the server's id of each uploaded photo; `posts`, what was made,
    each with the photos that it shows; `posting`, the photos of a post that was sent and
    perhaps made.
    """

    def __init__(
        self, action: Mastodon, account: Account, limits: Limits, delivery: Delivery, note: Note
    ) -> None:
        self._action = action
        self._account = account
        self._limits = limits
        self._delivery = delivery
        self._note = note
        self._progress: dict[str, Any] = {"media": {}, "posts": [], **delivery.progress}
        self._media: dict[str, str] = self._progress["media"]
        self._posts: list[dict[str, Any]] = self._progress["posts"]
        self._taken = [photo for photo in delivery.photos if limits.takes(photo.media_type)]

    async def find(self) -> None:
        """Look for a post that was sent and whose answer was lost."""
        posting = self._progress.get("posting") or []
        media = {self._media[str(id)] for id in posting if str(id) in self._media}
        if media and (made := await self._account.find_post(media)):
            await self._posted(made, posting)

    async def upload(self) -> None:
        """Upload what is needed for the posts that are not made yet."""
        posting = self._progress.get("posting") or []  # perhaps made: its key is to tell first
        for photo in self._left():
            known = self._media.get(str(photo.id))
            if known and photo.id not in posting and await self._account.look(known) is Media.GONE:
                known = None
            is_done = False
            if not known:
                known, is_done = await self._account.upload(photo, self._alt_text(photo))
                self._media[str(photo.id)] = known
                await self._note(self._progress)
            if not is_done:
                await self._processed(photo)

    async def post(self) -> None:
        """One post, or a thread of replies if there is more than one takes."""
        while left := self._left():
            posting = self._progress.get("posting") or []
            begun = [photo for photo in left if photo.id in posting]
            indexes = groups([photo.media_type for photo in left], self._limits.media)
            group = begun or [left[index] for index in indexes[0]]
            made = await self._make(group, len(self._posts) + len(indexes))
            await self._posted(made, [photo.id for photo in group])

    async def _posted(self, made: dict[str, str], photos: list[int]) -> None:
        self._posts.append({**made, "photos": photos})
        self._progress.pop("posting", None)
        await self._note(self._progress)

    def outcome(self) -> Outcome:
        """The first post. Raises PermanentError if files were left out."""
        first = str(self._posts[0]["url"]) if self._posts else ""
        out = [photo for photo in self._delivery.photos if photo not in self._taken]
        if not out:
            return Outcome(first)
        named = ", ".join(f"{photo.name} ({photo.media_type})" for photo in out)
        takes = ", ".join(sorted(self._limits.types))
        others = f"; the others are posted: {first}" if first else ""
        url = self._action.settings.url
        raise PermanentError(f"{url} does not take {named}, but {takes}{others}")

    def _left(self) -> list[Photo]:
        """The photos that no post shows yet."""
        shown: set[int] = set()
        for number, post in enumerate(self._posts):
            start = number * self._limits.media  # posts of the first release do not say it
            earlier = self._delivery.photos[start : start + self._limits.media]
            shown.update(post.get("photos", [photo.id for photo in earlier]))
        return [photo for photo in self._taken if photo.id not in shown]

    def _alt_text(self, photo: Photo) -> str:
        shipment = self._delivery.shipment
        alt_texts = caption(shipment.text).alt_texts
        number = shipment.photos_before + self._delivery.photos.index(photo)
        alt_text = alt_texts[number] if number < len(alt_texts) else ""
        return cut(alt_text, self._limits.description)

    async def _processed(self, photo: Photo) -> None:
        try:
            await self._action.processed(self._account, self._media[str(photo.id)], photo.name)
        except PermanentError:
            del self._media[str(photo.id)]  # a person's retry uploads it again
            await self._note(self._progress)
            raise

    async def _make(self, group: list[Photo], total: int) -> dict[str, str]:
        number = len(self._posts)
        status: dict[str, Any] = {
            "status": f"{number + 1}/{total}",
            "media_ids": [self._media[str(photo.id)] for photo in group],
            "visibility": self._action.settings.visibility,
        }
        if number == 0:
            status["status"] = await self._action.text(self._delivery, self._limits)
        else:
            status["in_reply_to_id"] = self._posts[-1]["id"]
        key = f"{self._delivery.key}-{number}"
        self._progress["posting"] = [photo.id for photo in group]
        await self._note(self._progress)
        try:
            return await self._account.post(status, key)
        except RefusedPost as error:
            await self._require_media(group, str(error))
            raise PermanentError(str(error)) from None

    async def _require_media(self, group: list[Photo], why: str) -> None:
        """A post was refused: perhaps its files are not ready, or not there any more.

        Raises TemporaryError if so. Asks for the files instead of reading `why`, which may
        be in any language.
        """
        found = {photo: await self._account.look(self._media[str(photo.id)]) for photo in group}
        if Media.PROCESSING in found.values():
            raise TemporaryError(f"the server is still processing a photo: {why}")
        gone = [photo for photo, media in found.items() if media is Media.GONE]
        if gone:
            for photo in gone:
                del self._media[str(photo.id)]
            await self._note(self._progress)
            names = ", ".join(photo.name for photo in gone)
            raise TemporaryError(f"{why}; uploaded again: {names}")


async def verify(settings: Settings) -> str:
    """Try a token; returns what its app, or its account as in `@me`, is called.

    Nothing if the server does not tell a token that may only post, as GoToSocial and takahe
    do not. Raises a DeliveryError.
    """
    async with _server(settings, ssl.create_default_context()) as server:
        for question, name, sign, not_told in _WHO:
            answer = await server.ask("GET", question, also=not_told)
            if answer.status == 200:
                found = json_object(answer, server.url).get(name)
                return sign + one_line(str(found or ""), 100)
    return ""


def _server(settings: Settings, tls: ssl.SSLContext) -> Server:
    return Server(settings.url, tls, settings.token.reveal())
