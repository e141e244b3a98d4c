"""What happens, as it happens: an EventSource."""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

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
        if self._live.is_full:
            return PlainTextResponse("too many pages are open\n", 503)

        async def stream() -> AsyncIterator[str]:
            # Listening begins here: a response whose client is gone before its first byte
            # never runs this, and so leaves no listener behind.
            with self._live.listen() as queue:
                yield "retry: 3000\n\n"
                while not self._stopping.is_set():
                    try:
                        event = await asyncio.wait_for(queue.get(), HEARTBEAT)
                    except TimeoutError:
                        yield ": still here\n\n"
                        continue
                    yield f"event: {event.kind}\ndata: {json.dumps(event.data)}\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")
