"""The spool: what a camera was told is "sent" is in here before the reply leaves.

Ties files and database together and keeps the order that makes it true: file fsynced,
renamed, folder fsynced, rows committed. It does not know what actions do.
"""

import asyncio
import errno
import fcntl
import hashlib
import json
import logging
import math
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, exists, select

from shutterpost import faults
from shutterpost.config.settings import DATABASE
from shutterpost.disk import free_bytes
from shutterpost.durable import make_folder, sync_folder
from shutterpost.model import Delivery, Planned
from shutterpost.spool import claims, deliveries, repeats, upkeep
from shutterpost.spool.claims import Excluded
from shutterpost.spool.database import Database
from shutterpost.spool.files import Files, Kept
from shutterpost.spool.repeats import Arrival
from shutterpost.spool.rows import add_photo, add_shipment
from shutterpost.spool.schema import deliveries as table
from shutterpost.spool.schema import photos, shipments
from shutterpost.threads import in_thread

RESERVE = 1 << 20
"""Bytes that are kept aside on the disk, for results of deliveries alone."""

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another server uses the same data folder."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An e-mail that is not committed yet; `photos` are (name, media type, file).

    It began to arrive at `begun`, if that is known, and is whole since `received`.
    """

    received: float
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    photos: tuple[tuple[str, str, Kept], ...]
    device: str = ""
    client: str = ""
    begun: float = math.inf

    @property
    def fingerprint(self) -> str:
        """The same for the same content, whenever it arrives and whatever files are called."""
        content = (
            self.sender.lower(),
            sorted(recipient.lower() for recipient in self.recipients),
            self.subject,
            self.text,
            [kept.sha256 for _, _, kept in self.photos],
        )
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """What was met at the start: how many files, and where a damaged database is now."""

    removed: int
    found: int
    set_aside: Path | None


class Spool:
    """Everything below the data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.files = Files(data / "spool")
        self.database = Database(data / DATABASE)
        self._lock: int | None = None
        self._reserve = data / "reserve"
        self._sending: Counter[str] = Counter()

    def open(self) -> Opened:
        """Make ready for use, and clear up after a crash.

        A damaged database is set aside; its photos are then in `found`. Raises
        AlreadyRunning, NewerDatabase, or OSError for a folder that cannot be used.
        """
        make_folder(self._data)
        self._lock = os.open(self._data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"another Shutterpost is using {self._data}") from None
        self.files.open()
        set_aside = self.database.open()
        sync_folder(self._data)  # the database's own name
        known = self.database.read_now(upkeep.kept_files)
        purged = self.database.read_now(upkeep.purged_files)
        return Opened(*self.files.clean(known, purged), set_aside)

    def close(self) -> None:
        """Finish what is queued and let go of the folder."""
        self.database.close()
        if self._lock is not None:
            os.close(self._lock)

    async def commit(
        self, draft: Draft, planned: Sequence[Planned], repeatable: Sequence[str] = ()
    ) -> tuple[int, Arrival]:
        """Commit a shipment with its deliveries: its id, and whether it is new.

        An equal one that arrived less than ten minutes before is the same shipment; the
        draft's files are then not used (see `repeats.retry`, for `repeatable` too). On
        return all is on disk.
        """
        faults.point("before commit")
        committed = await self.database.write(
            lambda connection: add(connection, draft, planned, repeatable)
        )
        faults.point("committed")
        return committed

    async def claim(
        self,
        now: float,
        first_retry: float,
        jitter: float,
        busy: Collection[int],
        full: Collection[str],
    ) -> Delivery | None:
        """Take the next due delivery (see `claims.claim` and `Excluded`)."""
        excluded = Excluded(busy, full, tuple(self._sending))
        return await self.database.write(
            lambda connection: claims.claim(
                connection, self.files, now, first_retry, jitter, excluded
            )
        )

    async def next_due(self, busy: Collection[int], full: Collection[str]) -> float | None:
        """When the next waiting delivery is due."""
        excluded = Excluded(busy, full, tuple(self._sending))
        return await self.database.read(lambda connection: claims.next_due(connection, excluded))

    @contextmanager
    def sending(self, session: str) -> Iterator[None]:
        """While a file of this session is on the wire, its shipments are not complete."""
        self._sending[session] += 1
        try:
            yield
        finally:
            self._sending[session] -= 1
            if not self._sending[session]:
                del self._sending[session]

    async def note(
        self,
        delivery: Delivery,
        progress: dict[str, object],
        also: Sequence[Planned] = (),
        now: float = 0.0,
    ) -> None:
        """Keep what an attempt has achieved so far, and deliveries that follow from it."""

        def work(connection: Connection) -> None:
            deliveries.note(connection, delivery.id, progress)
            ids = [photo.id for photo in delivery.shipment.photos]
            deliveries.plan(connection, delivery.shipment.id, ids, also, now)

        await self._write_result(work)

    async def finish(self, delivery: Delivery, receipt: str, now: float) -> None:
        """It was delivered."""
        await self._write_result(
            lambda connection: deliveries.finish(connection, delivery.id, receipt, now)
        )

    async def postpone(
        self,
        delivery: Delivery,
        error: str,
        now: float,
        not_before: float = 0.0,
        patient_since: float = 0.0,
    ) -> None:
        """The attempt failed; there will be another, as claimed but not before `not_before`.

        The time after which it is given up begins at `patient_since`, if that is later.
        """
        await self._write_result(
            lambda connection: deliveries.postpone(
                connection, delivery.id, error, now, not_before, patient_since
            )
        )

    async def hold(self, delivery: Delivery, error: str, now: float) -> None:
        """The attempt failed for its action's sake; the couriers know when that is tried."""
        await self._write_result(
            lambda connection: deliveries.hold(connection, delivery.id, error, now)
        )

    async def fail(self, delivery: Delivery, error: str, now: float) -> None:
        """The delivery failed for good and is kept."""
        await self._write_result(
            lambda connection: deliveries.fail(connection, delivery.id, error, now)
        )

    async def _write_result(self, work: Callable[[Connection], None]) -> None:
        """Write what an attempt came to, on a full disk with the space kept aside for it.

        What is not written down is delivered again.
        """
        try:
            await self.database.write(work)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._reserve.exists():
                raise
            await in_thread(self._reserve.unlink, True)
            log.warning("the disk is full: the space kept aside is used to write results down")
            await self.database.write(work)

    def keep_reserve(self, min_free: int) -> None:
        """Set a little space aside, if there is more than `min_free` (blocking).

        Raises OSError.
        """
        if self._reserve.exists() or free_bytes(self._data) < min_free + RESERVE:
            return
        temporary = self._reserve.with_name(".reserve.new")
        temporary.write_bytes(bytes(RESERVE))  # written: a hole would hold no space
        temporary.rename(self._reserve)

    async def purge(self, before: float) -> int:
        """Remove the files of what was delivered before a time; returns how many."""
        names = await self.database.write(lambda connection: upkeep.purge(connection, before))
        for name in names:
            await asyncio.to_thread(self.files.remove, name)
        return len(names)


def add(
    connection: Connection, draft: Draft, planned: Sequence[Planned], repeatable: Sequence[str] = ()
) -> tuple[int, Arrival]:
    """Add a shipment with its deliveries: its id, and whether it is new (see `commit`)."""
    purged = exists().where(photos.c.shipment_id == shipments.c.id, photos.c.purged)
    same = connection.execute(
        select(shipments.c.id)
        .where(shipments.c.fingerprint == draft.fingerprint, ~purged)
        .where(*repeats.recent(shipments.c.received, draft.begun, draft.received))
        .limit(1)
    ).scalar_one_or_none()
    if same is not None:
        of = table.c.shipment_id == same
        return same, repeats.retry(connection, of, repeatable, draft.received)
    shipment_id = add_shipment(
        connection,
        received=draft.received,
        sender=draft.sender,
        sender_name=draft.sender_name,
        recipients=list(draft.recipients),
        subject=draft.subject,
        text=draft.text,
        device=draft.device,
        client=draft.client,
        fingerprint=draft.fingerprint,
    )
    photo_ids = [
        add_photo(connection, shipment_id, position, *photo, draft.received)
        for position, photo in enumerate(draft.photos)
    ]
    deliveries.plan(connection, shipment_id, photo_ids, planned, draft.received)
    return shipment_id, Arrival.NEW
