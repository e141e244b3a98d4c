"""Templates, forms and short messages: what every view uses."""

import asyncio
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shutterpost import REPORTS, __version__
from shutterpost.dates import moment
from shutterpost.spool import browse
from shutterpost.spool.deliveries import FAILED
from shutterpost.web import words
from shutterpost.web.entry import Entry
from shutterpost.web.house import House

NOTHING = "there is nothing here"
"""Said of everything that is not there, so that wrong names cannot be told apart."""
FOLDER = Path(__file__).parent


class Pages:
    """Makes pages from templates."""

    def __init__(self, house: House, entry: Entry) -> None:
        self._house = house
        self._entry = entry
        self._messages: dict[str, str] = {}
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            aim=words.aim,
            bytes=words.size,
            people=words.people,
            iso=_iso,
            state=words.state,
            time=_time,
            times=words.times,
            trouble=words.trouble,
        )

    async def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """A whole page."""
        counts = await self._house.spool.database.read(browse.counts)
        session = request.state.session
        text = await asyncio.to_thread(
            self._templates.get_template(name).render,
            path=request.url.path,
            token=self._entry.token(session) if session else "",
            failed=counts[FAILED],
            message="" if _is_refresh(request) else self._messages.pop(session, ""),
            version=__version__,
            reports_to=REPORTS,
            **values,
        )
        return HTMLResponse(text, status)

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a form that was ours. Raises HTTPException (403)."""
        form = await request.form(max_files=0, max_fields=50)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        if not self._entry.owns(request.state.session, fields.pop("token", "")):
            raise HTTPException(403, "this form is too old: go back, load the page anew, try again")
        return fields

    def back(self, request: Request, path: str, message: str = "") -> Response:
        """On to another page, which shows a message once."""
        if message:
            self._messages[request.state.session] = message
            while len(self._messages) > 100:
                del self._messages[next(iter(self._messages))]
        return RedirectResponse(path, 303)


def scheme(request: Request) -> str:
    """http, or https where a reverse proxy says that it spoke so with the browser."""
    said = request.headers.get("X-Forwarded-Proto", request.url.scheme)
    return "https" if said == "https" else "http"


def _is_refresh(request: Request) -> bool:
    """Whether an open page asks again by itself; messages are for a person who comes."""
    return "X-Refresh" in request.headers


def _time(seconds: float) -> str:
    return f"{moment(seconds):%d %b %Y, %H:%M}"


def _iso(seconds: float) -> str:
    return moment(seconds).astimezone().isoformat(timespec="seconds")
