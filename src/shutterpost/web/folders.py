"""Shared folders: one sender's photos for whoever knows the folder's 20-character name.

The name is an HMAC that only the secret's owner can make; that is what it is for. Only
folders whose name is one are shown, every wrong name gets the same answer, and there is
no list of folders.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from shutterpost.camera.files import media_type
from shutterpost.config import Config
from shutterpost.dates import moment
from shutterpost.folder_threads import FolderHangs, FolderThreads
from shutterpost.secret import folder_of, folder_secret
from shutterpost.spool import browse
from shutterpost.web.house import House
from shutterpost.web.pages import NOTHING, Pages
from shutterpost.web.words import size

T = TypeVar("T")

HANGS = "The photos folder does not answer: try again later."
PAGE_SIZE = 200
"""Files on one page."""
_LOOK_AGAIN = 60.0  # seconds until the senders are asked for anew
_LIMIT = 5.0  # seconds that a visitor waits for the photos folder
_SHOWN = ("image/jpeg", "image/png", "image/gif", "video/mp4")


def shared_instances(config: Config) -> frozenset[str]:
    """Folders that an instance names, of which the reference server shows every one.

    Their names can be guessed, so in our own configurations they are nobody's but the owner's.
    """
    if not (config.web.folders and config.reference_dialect):
        return frozenset()
    storing = (action for action in config.actions.values() if action.name in ("store", "shell"))
    return frozenset(action.instance for action in storing if action.instance)


class FolderViews:
    """One folder's list, and its files."""

    def __init__(self, house: House, pages: Pages) -> None:
        self._house = house
        self._photos = house.config.storage.photos
        self._threads = FolderThreads(self._photos, _LIMIT)
        self._secret = folder_secret(house.config.storage)
        self._pages = pages
        self._names: frozenset[str] = frozenset()
        self._instances = shared_instances(house.config)
        self._look_at = 0.0

    async def list(self, request: Request) -> Response:
        """The photos of a folder, the newest first."""
        folder = await self._folder(request)
        found = await self._look(lambda: _listed(folder))
        text = request.query_params.get("from", "0")
        start = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        return await self._pages.page(
            request,
            "folder.html",
            files=found[start : start + PAGE_SIZE],
            following=start + PAGE_SIZE if len(found) > start + PAGE_SIZE else None,
        )

    async def file(self, request: Request) -> Response:
        """One file."""
        folder, name = await self._folder(request), str(request.path_params["name"])
        if not await self._look(lambda: _is_shown(folder, name)):
            raise HTTPException(404, NOTHING)
        kind = media_type(name, "")
        shown = "inline" if kind in _SHOWN else "attachment"
        return FileResponse(
            folder / name, media_type=kind, filename=name, content_disposition_type=shown
        )

    async def _folder(self, request: Request) -> Path:
        name = str(request.path_params["folder"])
        now = self._house.steady()
        if name not in self._names and now >= self._look_at:
            self._look_at = now + _LOOK_AGAIN
            senders = await self._house.spool.database.read(browse.senders)
            senders |= set(self._house.config.senders)
            shared = {folder_of(sender, self._secret) for sender in senders}
            self._names = frozenset(shared | self._instances)
        folder = self._photos / name
        if name not in self._names or not await self._look(lambda: _is_folder(folder)):
            raise HTTPException(404, NOTHING)
        return folder

    async def _look(self, work: Callable[[], T]) -> T:
        """Look at the photos folder. Raises HTTPException (503) while it hangs."""
        try:
            return await self._threads.run(lambda _: work())
        except FolderHangs:
            raise HTTPException(
                503, "The photos folder does not answer: try again later."
            ) from None


def _listed(folder: Path) -> list[tuple[str, str, datetime]]:
    """Names, sizes and times of a folder's files."""
    found = [
        (path.name, size(status.st_size), moment(status.st_mtime))
        for path in folder.iterdir()
        if _is_shown(folder, path.name) and (status := path.stat())
    ]
    return sorted(found, key=lambda entry: entry[2], reverse=True)


def _is_folder(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink()


def _is_shown(folder: Path, name: str) -> bool:
    path = folder / name
    try:
        return not name.startswith(".") and path.is_file() and not path.is_symlink()
    except OSError:  # a name that is too long
        return False
