"""What an attempt has achieved is written down, or the attempt does not go on."""

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shutterpost.actions import Note
from shutterpost.couriers import Couriers
from shutterpost.disk import free_bytes
from shutterpost.model import Delivery
from shutterpost.spool import Spool
from tests.support import need_root
from tests.test_couriers import Clock, Scripted, one, run, until


class Caught(logging.Handler):
    """The log as text."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()}\n"


@contextmanager
def caught_log() -> Iterator[Caught]:
    caught = Caught()
    logging.getLogger().addHandler(caught)
    yield caught
    logging.getLogger().removeHandler(caught)


def test_a_note_is_written_however_long_the_disk_is_full(tmp_path: Path) -> None:
    """What was achieved and not noted would be done again."""
    need_root()
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=True)
    noted = []

    async def noting(delivery: Delivery, note: Note) -> None:
        (disk / "ballast").write_bytes(bytes(free_bytes(disk)))
        await note({"step": "x" * 1_000_000})
        noted.append(delivery.id)

    action = Scripted(noting)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: "trying again" in caught.text)
        assert not noted
        (disk / "ballast").unlink()
        await until(lambda: noted and not couriers._under_way)

    with caught_log() as caught:
        try:
            [row] = run(disk, {"one": action}, [one()], script)
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
    assert (row.state, row.attempts, len(row.progress["step"])) == ("done", 1, 1_000_000)


def test_a_note_that_can_never_be_written_ends_the_attempt(tmp_path: Path) -> None:
    async def noting(delivery: Delivery, note: Note) -> None:
        await note({"step": object()})

    action = Scripted(noting, noting, noting)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: len(action.attempts) == 1 and not couriers._under_way)
        clock.now += 86400
        couriers.wake()
        await until(lambda: len(action.attempts) == 2 and not couriers._under_way)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert row.state == "failed"  # an unknown error is given up in the end
    assert "not JSON serializable" in row.last_error
