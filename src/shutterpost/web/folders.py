"""Shared folders: one sender's photos for whoever knows the folder's 20-character name.

The name is an HMAC that only the secret's owner can make; that is what it is for. Every
wrong name gets the same answer, and there is no list of folders.
"""

import re
from datetime import datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from shutterpost.camera.files import media_type
from shutterpost.web.house import House
from shutterpost.web.pages import NOTHING, Pages
from shutterpost.web.words import size

_NAME = re.compile(r"[A-Za-z0-9_-]{20}")
_SHOWN = ("image/jpeg", "image/png", "image/gif", "video/mp4")


class FolderViews:
    """One folder's list, and its files."""

    def __init__(self, house: House, pages: Pages) -> None:
        self._photos: Path = house.config.storage.photos
        instances = {action.instance for action in house.config.actions.values()}
        self._instances = instances  # their names are chosen by people, and easy to guess
        self._pages = pages

    async def list(self, request: Request) -> Response:
        """The photos of a folder, the newest first."""
        folder = self._folder(request)
        found = [
            (path.name, size(status.st_size), datetime.fromtimestamp(status.st_mtime))
            for path in folder.iterdir()
            if _is_shown(path) and (status := path.stat())
        ]
        found.sort(key=lambda entry: entry[2], reverse=True)
        return await self._pages.page(request, "folder.html", files=found)

    async def file(self, request: Request) -> Response:
        """One file."""
        path = self._folder(request) / request.path_params["name"]
        if "/" in request.path_params["name"] or not _is_shown(path):
            raise _nothing()
        kind = media_type(path.name, "")
        shown = "inline" if kind in _SHOWN else "attachment"
        return FileResponse(
            path, media_type=kind, filename=path.name, content_disposition_type=shown
        )

    def _folder(self, request: Request) -> Path:
        name = str(request.path_params["folder"])
        folder = self._photos / name
        known = _NAME.fullmatch(name) and name not in self._instances
        if not known or folder.is_symlink() or not folder.is_dir():
            raise _nothing()
        return folder


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".") and not path.is_symlink() and path.is_file()


def _nothing() -> HTTPException:
    return HTTPException(404, NOTHING)
