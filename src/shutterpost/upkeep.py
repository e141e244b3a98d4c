"""What is done now and then: retention, and telling the owner what failed for good."""

import asyncio
import logging
from collections.abc import Callable

from shutterpost.actions import DeliveryError, TemporaryError, UnansweredError
from shutterpost.clock import Correction
from shutterpost.config import Config
from shutterpost.devices import Devices
from shutterpost.spool import Spool
from shutterpost.spool import upkeep as statements
from shutterpost.spool.pauses import Pause
from shutterpost.spool.seen import write_seen
from shutterpost.wire.text import one_line

log = logging.getLogger(__name__)

ROUND = 60.0
"""Seconds between two rounds."""
LONG_PAUSE = 3600.0
"""Seconds after which a paused action is told."""
BETWEEN_PICTURES = 86400.0
"""Seconds between two looks at the page's pictures."""
BETWEEN_NOTICES = 3600.0
"""Seconds between two notices at least."""

_LISTED = 100  # failures in one notice; the others are counted


class Upkeep:
    """Makes its rounds until it is cancelled."""

    def __init__(
        self, config: Config, spool: Spool, devices: Devices, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._devices = devices
        self._spool = spool
        self._clock = clock
        self._next_notice = 0.0
        self._next_pictures = 0.0

    async def run(self) -> None:
        """A round every minute."""
        while True:
            try:
                await self.round()
            except OSError as error:  # a full disk, say: the next round may do better
                log.error("the upkeep could not be done: %s", error)
            except Exception:
                log.exception("the upkeep could not be done")
            await asyncio.sleep(ROUND)

    async def round(self) -> None:
        """Remove what was kept long enough, write devices down, tell what has to be told."""
        now = self._clock()
        if now >= self._next_pictures:
            self._next_pictures = now + BETWEEN_PICTURES
            await asyncio.to_thread(self._remove_pictures, now)
        await self.write_devices()
        await asyncio.to_thread(self._spool.keep_reserve, self._config.storage.min_free)
        while removed := await self._spool.purge(now - self._config.storage.keep):
            log.info("%d delivered files were kept long enough and are removed", removed)
        if self._config.notify.email and self._config.email.host and now >= self._next_notice:
            await self._tell(now)

    def on_clock_set(self, correction: Correction) -> None:
        """What is to be done next is as far away as before."""
        self._next_notice += correction.by
        self._next_pictures += correction.by

    async def write_devices(self) -> None:
        """Write down which devices were seen."""
        if changed := self._devices.take_unwritten():
            await self._spool.database.write(lambda connection: write_seen(connection, changed))

    def _remove_pictures(self, now: float) -> None:
        """Remove the page's large pictures when photos are; the small ones stay."""
        for path in (self._config.storage.data / "pictures").glob("*-large.jpg"):
            if path.stat().st_mtime < now - self._config.storage.keep:
                path.unlink()

    async def _tell(self, now: float) -> None:
        failed, paused = await self._spool.database.read(
            lambda connection: statements.untold(connection, now - LONG_PAUSE)
        )
        if not failed and not paused:
            return
        try:
            await asyncio.to_thread(self._send, notice(failed, paused), now)
        except UnansweredError as error:  # another one every minute would be worse
            log.warning("a notice was mailed, as far as is known: %s", error)
        except TemporaryError as error:
            log.warning("a notice cannot be mailed: %s", error)
            return
        except DeliveryError as error:
            log.error("a notice cannot be mailed, see [notify] and [email]: %s", error)
            self._next_notice = now + BETWEEN_NOTICES
            return
        self._next_notice = now + BETWEEN_NOTICES
        await self._spool.database.write(
            lambda connection: statements.told(
                connection, [id for id, _, _ in failed], [pause.action for pause in paused]
            )
        )

    def _send(self, text: str, now: float) -> None:
        """Mail a notice (blocking). Raises DeliveryError."""
        from shutterpost.actions import own_mail

        to = self._config.notify.email
        own_mail.send(self._config.email, to, "Shutterpost: photos that did not go out", text, now)


def notice(failed: list[tuple[int, str, str]], paused: list[Pause]) -> str:
    """What the owner is told."""
    lines = []
    for pause in paused:
        lines += [f"{pause.action} is paused, because it cannot work as configured:"]
        lines += [f"    {pause.why}", "Correct the configuration and restart Shutterpost.", ""]
    if failed:
        lines += ["These deliveries failed and are not tried again by themselves:", ""]
        lines += [
            f"{id:6}  {action}: {one_line(error, 300)}" for id, action, error in failed[:_LISTED]
        ]
        if len(failed) > _LISTED:
            lines += [f"        and {len(failed) - _LISTED} more: see `shutterpost queue`"]
        lines += ["", "Their photos are kept. `shutterpost queue retry ID` tries one again,"]
        lines += ["`shutterpost queue drop ID` gives it up."]
    return "\n".join(lines) + "\n"
