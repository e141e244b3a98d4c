"""Asking servers of others by HTTP: answers are bounded, and told apart by what they mean.

Nothing is redirected, because a token may go with a request. An answer is read as far as
`ANSWER_LIMIT`, compressed or not, so that no server can fill our memory.
"""

import asyncio
import email.utils
import json
import re
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from shutterpost import REPORTS, __version__
from shutterpost.actions import (
    DeliveryError,
    MisconfiguredError,
    PermanentError,
    TemporaryError,
)
from shutterpost.wire.text import one_line

ANSWER_LIMIT = 1 << 20
"""The most bytes of an answer that are read, and kept when it is compressed."""
ANSWER_TIME = 120.0
"""Seconds for a whole exchange, beside the time that a file takes to go out."""
SLOWEST = 2048.0
"""Bytes per second below which an uplink counts as dead."""
STEP_TIME = 60.0
"""Seconds for connecting, and for each piece that goes or comes."""
USER_AGENT = f"Shutterpost/{__version__} (+{REPORTS.removesuffix('/issues')})"
_SAID_LIMIT = 200
_LATER = (408, 425, 429)
_MISSING = (404, 405, 410)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers with names in lower case, and a body of at most `ANSWER_LIMIT` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        return self.headers.get("content-type", "").lower().startswith("text/html")

    def json(self) -> Any:
        """What it holds; None if that is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def why(self) -> str:
        """What the server says went wrong, on one line."""
        found = self.json()
        if isinstance(found, dict):
            return one_line(str(found.get("error") or ""), _SAID_LIMIT)
        text = self.body[: 64 * _SAID_LIMIT].decode("utf-8", "replace")
        return one_line(_title(text) if self.is_html else text, _SAID_LIMIT)


class Server:
    """One server, for as long as the block of a `with` that it is used in."""

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext,
        token: str = "",
        host: str = "",
        shown: str = "",
        limit: float = ANSWER_TIME,
    ) -> None:
        """What is asked there has the token, if there is one.

        `host` is the name in requests and certificates if `url` has an address instead, and
        `shown` what the server is called in errors then. An exchange may take `limit` seconds.

        Raises MisconfiguredError for a `url` that is none.
        """
        self.url = shown or url
        self._limit = limit
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if host:
            headers["Host"] = host
        self._name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        try:
            self._client = httpx2.AsyncClient(
                base_url=url, headers=headers, timeout=STEP_TIME, verify=tls, follow_redirects=False
            )
        except httpx2.InvalidURL as error:
            raise MisconfiguredError(f"{self.url} is no address of a server: {error}") from None

    async def __aenter__(self) -> "Server":
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._client.__aexit__(*error)

    async def ask(
        self,
        method: str,
        path: str,
        also: tuple[int, ...] = (),
        size: int = 0,
        **options: Any,
    ) -> Answer:
        """Ask; an answer without 2xx or one of `also` is raised as what it means.

        `size` is how many bytes of files go out.

        Raises TemporaryError for a server that cannot be reached or wants to be asked later,
        MisconfiguredError for one that takes no token, leads elsewhere or is no such
        server at all, PermanentError for the rest.
        """
        try:
            async with asyncio.timeout(self._limit + size / SLOWEST):
                answer = await self._exchange(method, path, options)
        except (httpx2.HTTPError, TimeoutError) as error:
            why = one_line(str(error), _SAID_LIMIT) or type(error).__name__
            raise TemporaryError(f"{self.url} cannot be reached: {why}") from None
        if answer.status in also or (200 <= answer.status < 300 and not answer.is_html):
            return answer
        raise self.meaning(answer, f"{method} {path}")

    async def object(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Ask for a JSON object. Raises TemporaryError for anything else."""
        return json_object((await self.ask(method, path, **options)), self.url)

    async def _exchange(self, method: str, path: str, options: dict[str, Any]) -> Answer:
        extensions = {"sni_hostname": self._name} if self._name else {}
        streaming = self._client.stream(method, path, extensions=extensions, **options)
        async with streaming as response, asyncio.timeout(self._limit):
            raw = bytearray()
            async for piece in response.aiter_raw():
                raw += piece
                if len(raw) >= ANSWER_LIMIT:
                    break
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, _unpacked(bytes(raw), headers))

    def meaning(self, answer: Answer, asked: str) -> DeliveryError:
        """The error that an answer is."""
        status = answer.status
        said = f"{self.url} says {status} to {asked}: {answer.why()}"
        if 300 <= status < 400:
            where = one_line(answer.headers.get("location", "another place"), _SAID_LIMIT)
            return MisconfiguredError(f"{said}{where} is where it leads: correct the url")
        if status in (401, 403):
            return MisconfiguredError(said)
        if answer.is_html and (status < 300 or status in _MISSING):
            return MisconfiguredError(f"{said} (a page for people: is the url right?)")
        if status in _LATER or status >= 500:
            return TemporaryError(said, retry_after(answer.headers, time.time()))
        return PermanentError(said)


def json_object(answer: Answer, url: str) -> dict[str, Any]:
    """An answer's JSON object. Raises TemporaryError for anything else."""
    found = answer.json()
    if not isinstance(found, dict):
        raise TemporaryError(f"{url} did not answer with a JSON object")
    return found


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a server wants to be asked again, if it says so; perhaps infinite.

    `headers` have names in lower case. A date counts from the server's own `Date`, because
    clocks differ; `now` is ours, for servers without one.
    """
    now = _http_date(headers.get("date", "")) or now
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return float(value)
    when = _http_date(value)
    if when is None:
        when = _reset(headers.get("x-ratelimit-reset", "").strip())
    return None if when is None else max(0.0, when - now)


def _http_date(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _reset(value: str) -> float | None:
    """X-RateLimit-Reset: Mastodon says an ISO date, others seconds since 1970."""
    if re.fullmatch(r"[0-9]+", value):
        return float(value)
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _unpacked(raw: bytes, headers: Mapping[str, str]) -> bytes:
    """A body as far as the limit; nothing if it is packed in a way that nobody asked for."""
    packing = headers.get("content-encoding", "identity").strip().lower()
    if packing in ("identity", ""):
        return raw[:ANSWER_LIMIT]
    if packing not in ("gzip", "x-gzip", "deflate"):
        return b""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, ANSWER_LIMIT)
    except zlib.error:
        return b""


def _title(page: str) -> str:
    """The title of an HTML page, or nothing. Linear in the page's length."""
    _, _, rest = page.partition("<title")
    return rest.partition(">")[2].partition("<")[0]
