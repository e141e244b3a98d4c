"""What happens, as it happens: an EventSource."""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from shutterpost.live import Event, Live
from shutterpost.web.house import House

HEARTBEAT = 20.0
"""Seconds without an event after which a comment is sent, so that the line stays open."""


class EventViews:
    """The stream of events."""

    def __init__(self, house: House, stopping: asyncio.Event) -> None:
        self._live = house.live
        self._stopping = stopping

    async def events(self, request: Request) -> Response:
        """Events from now on."""
        return _EventSource(self._live, self._stopping)


class _EventSource(Response):
    """Listens for exactly as long as it is answered, however soon its client leaves.

    A generator does not do for that: one that never began is closed without running at all.
    """

    def __init__(self, live: Live, stopping: asyncio.Event) -> None:
        super().__init__()
        self._live = live
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._live.listen() as queue:
                said = self._said(queue)
                stream = StreamingResponse(said, media_type="text/event-stream")
                await stream(scope, receive, send)
        except OverflowError:  # before the first byte
            refused = PlainTextResponse("too many pages are open\n", 503)
            await refused(scope, receive, send)

    async def _said(self, queue: asyncio.Queue[Event]) -> AsyncIterator[str]:
        yield "retry: 3000\n\n"
        while not self._stopping.is_set():
            try:
                event = await asyncio.wait_for(queue.get(), HEARTBEAT)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            yield f"event: {event.kind}\ndata: {json.dumps(event.data)}\n\n"
