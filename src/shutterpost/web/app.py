"""What is where on the page's port."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from shutterpost.config import Config
from shutterpost.page_password import PagePassword, PasswordFileError
from shutterpost.secret import folder_secret
from shutterpost.web.entry import Entry
from shutterpost.web.events import EventViews
from shutterpost.web.folders import FolderViews, shared_instances
from shutterpost.web.guard import Guard, no_password
from shutterpost.web.house import House
from shutterpost.web.pages import FOLDER, NOTHING, Pages
from shutterpost.web.pictures import Pictures
from shutterpost.web.setup import SetupViews
from shutterpost.web.views import CameraViews, DeliveryViews, EntryViews, PhotoViews
from shutterpost.web.watching import Watching


class _Id(IntegerConvertor):
    """A number of ours, which no database refuses as too large."""

    regex = "[0-9]{1,15}"


register_url_convertor("id", _Id())


def application(house: House, password: PagePassword, stopping: asyncio.Event) -> ASGIApp:
    """The page, and what machines ask."""
    entry = Entry(password, folder_secret(house.config.storage).reveal(), house.steady)
    pages = Pages(house, entry)

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = NOTHING if error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail
        return await pages.page(request, "error.html", error.status_code, said=said)

    async def broken(request: Request, error: Exception) -> Response:
        """An error of our own; its traceback goes to the log, and nowhere else."""
        return PlainTextResponse("an error of the server, see its log\n", 500)

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, PasswordFileError)
        return no_password(error)

    routes = _routes(house, entry, pages, stopping)
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: failed,
            PasswordFileError: unreadable,
            Exception: broken,
        },
    )
    return Guard(app, entry, house.config.web.hosts, _may_be_shared(house.config, routes))


def _may_be_shared(config: Config, routes: Sequence[BaseRoute]) -> Callable[[str], bool]:
    """Whether a folder's name may be asked for without a login: never one of a page of ours."""
    pages = {route.path.split("/")[1] for route in routes if isinstance(route, Route | Mount)}
    instances = shared_instances(config) - pages
    return lambda name: config.web.folders and (len(name) == 20 or name in instances)


def _routes(house: House, entry: Entry, pages: Pages, stopping: asyncio.Event) -> list[BaseRoute]:
    watching = Watching(house.config, house.spool, house.metrics)
    entering = EntryViews(house, entry, pages)
    storage = house.config.storage
    photos = PhotoViews(house, pages, Pictures(storage.data / "pictures", storage.min_free))
    deliveries = DeliveryViews(house, pages)
    cameras = CameraViews(house, pages)
    setup = SetupViews(house, pages)
    routes: list[BaseRoute] = [
        Route("/healthz", watching.health),
        Route("/metrics", watching.metrics),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
        Route("/login", entering.login_form),
        Route("/login", entering.login, methods=["POST"]),
        Route("/logout", entering.logout, methods=["POST"]),
        Route("/", photos.newest),
        Route("/photos/{id:id}", photos.photo),
        Route("/photos/{id:id}/file", photos.download),
        Route("/photos/{id:id}/{kind:str}", photos.picture),
        Route("/deliveries", deliveries.list),
        Route("/deliveries/retry", deliveries.retry_all, methods=["POST"]),
        Route("/deliveries/{id:id}/retry", deliveries.retry, methods=["POST"]),
        Route("/deliveries/{id:id}/drop", deliveries.drop_form),
        Route("/deliveries/{id:id}/drop", deliveries.drop, methods=["POST"]),
        Route("/cameras", cameras.list),
        Route("/cameras/unknown/{name:str}", cameras.report),
        Route("/setup", setup.show),
        Route("/setup/mail", setup.test_mail, methods=["POST"]),
        Route("/setup/photo", setup.test_photo, methods=["POST"]),
        Route("/setup/mastodon", setup.connect, methods=["POST"]),
        Route("/setup/mastodon/back", setup.came_back),
        Route("/setup/mastodon/finish", setup.finish),
        Route("/events", EventViews(house, stopping).events),
    ]
    if house.config.web.folders:
        folders = FolderViews(house, pages)
        routes += [
            Route("/{folder:str}/", folders.list),
            Route("/{folder:str}/{name:str}", folders.file),
        ]
    return routes
