"""Dates that cannot be shown break neither the page nor `queue`, and put nothing off for ever."""

import math
import sqlite3
from contextlib import closing
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, update

from shutterpost.dates import moment, utc
from shutterpost.spool import queue
from shutterpost.spool.database import Database
from shutterpost.spool.schema import attempts, deliveries, shipments
from shutterpost.wire.mail import Head, Mail
from tests.conftest import Server
from tests.support import RECORDINGS, recording
from tests.test_queue import queue as run_queue
from tests.web.opened import opened

UNSHOWABLE = [math.inf, 1e300, 1e12, 253_402_300_800.0, -1e12]
PLACES = [
    deliveries.c.due,
    deliveries.c.created,
    deliveries.c.finished,
    shipments.c.received,
    attempts.c.finished,
]


@given(st.floats(), st.integers(-14, 14))
def test_every_number_is_a_moment_in_every_zone(seconds: float, hours: int) -> None:
    for found in (moment(seconds, timezone(timedelta(hours=hours))), moment(seconds)):
        assert found.strftime("%H:%M")
        assert found.astimezone().isoformat()


@given(st.floats(0, 2**33))
def test_a_usual_number_is_its_own_moment(seconds: float) -> None:
    assert utc(seconds).timestamp() == pytest.approx(seconds, abs=1e-5)
    assert utc(seconds).tzinfo is UTC


@pytest.mark.parametrize("seconds", UNSHOWABLE)
@pytest.mark.parametrize("column", PLACES, ids=str)
def test_a_row_with_a_date_that_cannot_be_shown_breaks_no_page(
    tmp_path: Path, column: Column[float], seconds: float
) -> None:
    with opened(tmp_path) as page:
        page.add(b"photo")
        page.spool.database.write_now(
            lambda connection: connection.execute(
                update(column.table).values({column.name: seconds})
            )
        )
        owner = page.owner()
        for path in ("/", "/deliveries", "/photos/1", "/cameras"):
            assert owner.get(path).status_code == 200, path


@pytest.mark.parametrize("seconds", UNSHOWABLE)
def test_a_row_with_a_date_that_cannot_be_shown_breaks_no_queue(
    server: Server, seconds: float
) -> None:
    server.ask(recording("email-nx300"))
    with closing(sqlite3.connect(server.folder / "data" / "shutterpost.db")) as connection:
        connection.execute("PRAGMA busy_timeout = 10000")
        values = dict.fromkeys(("due", "created", "finished"), seconds)
        named = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(f"UPDATE deliveries SET {named}", values)
        connection.commit()
    for arguments in (["list"], ["list", "--json"], ["show", "1"], ["show", "1", "--json"]):
        done = run_queue(server, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Infinity" not in done.stdout


def test_a_mail_about_such_a_row_is_still_made() -> None:
    head = Head(
        message_id="<a@b>",
        sent=math.inf,
        from_address="a@b.c",
        from_name="",
        reply_to="",
        to=("d@e.f",),
        subject="s",
        text="t",
    )
    assert b"\r\nDate: Fri, 01 Jan 9999 00:00:00 +0000\r\n" in b"".join(Mail(head, []).pieces([]))


def test_what_an_older_version_put_off_for_ever_is_tried(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.executescript((RECORDINGS / "database-1.sql").read_text())
        connection.execute("UPDATE deliveries SET due = 1e999 WHERE state = 'waiting'")
        connection.commit()
    database = Database(tmp_path / "db")
    database.open()
    [entry, _] = database.read_now(queue.entries)
    database.close()
    assert entry["due"] == entry["created"]
