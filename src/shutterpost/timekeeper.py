"""Notices that the clock was set, and moves all that is written in its terms at once."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from shutterpost.clock import Clock, Correction, correction
from shutterpost.dates import moment
from shutterpost.spool import clock as rows
from shutterpost.spool.database import Database

log = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks at the system's clock."""
CHECK = 60.0
"""Seconds between two looks for what was put off too far all the same."""
SLEW = 30.0
"""Seconds by which a clock may be put right without anybody waiting noticeably longer."""


class Timekeeper:
    """Has the server's clock follow the system's."""

    def __init__(
        self,
        clock: Clock,
        database: Database,
        longest: float,
        on_set: Sequence[Callable[[Correction], None]] = (),
    ) -> None:
        """`on_set` are told a correction; `longest` is how far, in seconds, a retry may be off."""
        self._clock = clock
        self._database = database
        self._longest = longest
        self._on_set = on_set
        self._began = clock()
        self._started = False
        self._next_check = 0.0

    def start(self) -> None:
        """Before the writer's first job: what the time since the last run means (blocking)."""
        try:
            self._database.write_now(lambda connection: rows.start(connection, self._clock()))
        except OSError as error:  # a full disk, say: cameras are taken all the same
            log.error("the clock cannot be compared with that of the last run: %s", error)
        else:
            self._started = True

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            try:
                await self.look()
            except OSError as error:  # the old time goes on until it can be written down
                log.error("that the clock was set cannot be written down: %s", error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Follow the system's clock. Raises OSError; all is then as before."""
        if not self._started:
            now = self._clock()
            await self._database.write(lambda connection: rows.start(connection, now))
            self._started = True
        by = self._clock.lag()
        if abs(by) <= SLEW:
            self._clock.offset += by
        else:
            await self._follow(by)
        now = self._clock()
        if not 0 <= self._next_check - now <= CHECK:
            self._next_check = now + CHECK
            await self._database.write(
                lambda connection: rows.check(connection, now, self._longest)
            )

    async def _follow(self, by: float) -> None:
        before, was = self._clock.offset, self._clock()
        found = correction(self._began, was, was + by)

        def work(connection: Connection) -> None:
            rows.was_set(connection, found)
            # Here, so that no other transaction compares the old time with the new rows.
            self._clock.offset = before + by

        try:
            await self._database.write(work)
        except BaseException:
            self._clock.offset = before
            raise
        self._began = found.of(self._began)
        for on_set in self._on_set:
            on_set(found)
        log.warning(
            "the clock was set from %s to %s: what waits goes on to wait as long as before",
            moment(was).isoformat(" ", "seconds"),
            moment(was + by).isoformat(" ", "seconds"),
        )
