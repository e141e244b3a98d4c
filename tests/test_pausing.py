"""When actions are paused, with real spools and couriers."""

import asyncio
import time
from pathlib import Path

from sqlalchemy import Connection, select

from shutterpost.actions import MisconfiguredError, Note, Outcome, TemporaryError
from shutterpost.couriers import COURIERS, Couriers, Patience
from shutterpost.model import Delivery
from shutterpost.pausing import MOST, PAUSE, Pauses
from shutterpost.spool import Spool, pauses
from shutterpost.spool.schema import deliveries
from tests.conftest import Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.support import PHOTO, email_body, email_request, eventually
from tests.test_couriers import Clock, Scripted, one, run, until
from tests.test_queue import entries, queue
from tests.web.test_page import owner_of


def test_a_misconfigured_action_is_paused_and_tried_with_one_delivery(tmp_path: Path) -> None:
    mood: list[Exception] = [MisconfiguredError("wrong password")]
    attempts: list[int] = []

    class Moody:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            attempts.append(delivery.id)
            if mood:
                raise mood[0]
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        async def quiet() -> None:
            await until(lambda: couriers._closed(clock.now) and not couriers._under_way)

        await quiet()
        [pause] = await spool.database.read(pauses.paused)
        assert (pause.action, pause.since, pause.why) == ("one", 1000.0, "wrong password")
        before = len(attempts)
        assert before <= COURIERS // 2
        clock.now += 10 * 86400  # longer than patience, which is not used up meanwhile
        couriers.wake()
        await until(lambda: len(attempts) == before + 1)
        await quiet()
        clock.now += PAUSE - 1
        assert couriers._closed(clock.now) == {"one"}
        clock.now += 1
        mood[:] = [TemporaryError("busy")]
        couriers.wake()
        await until(lambda: not couriers._paused)
        assert await spool.database.read(pauses.paused) == []
        before = len(attempts)
        clock.now += 3600  # what had been put off meanwhile is due by now
        couriers.wake()
        await until(lambda: set(attempts[before - 1 :]) == {1, 2, 3} and not couriers._under_way)

    rows = run(tmp_path, {"one": Moody()}, [one()] * 3, script)
    assert {(row.state, row.last_error) for row in rows} == {("waiting", "busy")}


def test_after_a_restart_a_paused_action_is_tried_at_once(tmp_path: Path) -> None:
    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts and not couriers._under_way)
        await couriers.stop(0.0)
        again = Couriers(spool, {"one": action}, Patience(10.0, 86400.0), clock)
        running = asyncio.create_task(again.run())
        await until(lambda: len(action.attempts) == 2)
        await again.stop(1.0)
        await running
        assert await spool.database.read(pauses.paused) == []

    action = Scripted(MisconfiguredError("wrong password"))
    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert row.state == "done"


def test_an_action_that_is_not_configured_any_more_is_paused(tmp_path: Path) -> None:
    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: couriers._paused and not couriers._under_way)

    [row] = run(tmp_path, {}, [one("none")], script)
    assert (row.state, row.last_error) == ("waiting", "the configuration has no action none")


def test_one_deliverys_own_fault_stops_no_other_and_is_given_up_in_the_end(
    tmp_path: Path,
) -> None:
    delivered: list[int] = []
    accused: list[int] = []

    class Choosy:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            if delivery.id == 1:
                accused.append(delivery.id)
                raise MisconfiguredError("the sender is refused")
            delivered.append(delivery.id)
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: len(delivered) == 5)
        await until(lambda: not couriers._paused and not couriers._under_way)
        assert await spool.database.read(pauses.paused) == []
        clock.now += 86400 + PAUSE  # it was disproved: it is as any other error now
        couriers.wake()
        await until(lambda: spool.database.read_now(state_of_first) == "failed")
        assert len(accused) >= 2

    rows = run(tmp_path, {"one": Choosy()}, [one()] * 6, script)
    assert [row.state for row in rows] == ["failed"] + ["done"] * 5
    assert rows[0].last_error == "the sender is refused"


def state_of_first(connection: Connection) -> str:
    return str(
        connection.execute(select(deliveries.c.state).where(deliveries.c.id == 1)).scalar_one()
    )


def test_one_delivery_that_blames_the_settings_waits_alone_and_as_patiently(
    tmp_path: Path,
) -> None:
    action = Scripted(*[MisconfiguredError("wrong password")] * 20)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        for number in range(1, 20):
            await until(lambda: len(action.attempts) == number and not couriers._under_way)  # noqa: B023
            [pause] = await spool.database.read(pauses.paused)
            assert pause.why == "wrong password"
            assert couriers._closed(clock.now) == set()  # another would be tried
            clock.now += 86400
            couriers.wake()
        await until(lambda: len(action.attempts) == 20 and not couriers._under_way)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert (row.state, row.last_error) == ("waiting", "wrong password")


def test_one_camera_whose_address_is_refused_stops_no_other(tmp_path: Path) -> None:
    """However many photos it sends."""
    refused = {1: "a@b.c", 2: "a@b.c", 3: "a@b.c"}
    attempts: list[int] = []

    class Choosy:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            attempts.append(delivery.id)
            if delivery.id in refused:
                raise MisconfiguredError("550", about=refused[delivery.id])
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: {4, 5} <= set(attempts) and not couriers._under_way)
        assert couriers._closed(clock.now) == set()

    rows = run(tmp_path, {"one": Choosy()}, [one()] * 5, script)
    assert [row.state for row in rows] == ["waiting"] * 3 + ["done"] * 2


def test_what_two_different_cameras_blame_is_evidence() -> None:
    paused = Pauses()
    for delivery in (1, 2):
        assert paused.accuse("email", delivery, "a@b.c", 1000.0)
        assert paused.held_actions(1000.0) == set()
    assert paused.held_deliveries(1000.0) == {1, 2}
    assert paused.accuse("email", 3, "x@y.z", 1000.0)
    assert paused.held_actions(1000.0 + PAUSE - 1) == {"email"}
    assert paused.held_actions(1000.0 + PAUSE) == set()
    paused.claimed("email", 1000.0 + PAUSE)  # one alone tries it
    assert paused.held_actions(1000.0 + PAUSE) == {"email"}
    paused.end("email", delivered=4)
    assert not paused
    assert not paused.accuse("email", 1, "a@b.c", 2000.0)  # disproved
    paused.forget(1)
    assert paused.accuse("email", 1, "a@b.c", 2000.0)


def test_a_refused_camera_that_sends_and_sends_is_remembered_within_bounds() -> None:
    paused = Pauses()
    counted = [paused.accuse("email", delivery, "a@b.c", 0.0) for delivery in range(3 * MOST)]
    assert counted == [True] * MOST + [False] * 2 * MOST
    assert paused.accuse("email", 7, "a@b.c", 100.0)
    assert paused.held_deliveries(100.0 + PAUSE - 1) == set(range(MOST))
    assert paused.held_actions(100.0) == set()
    assert paused.accuse("email", 999, "x@y.z", 100.0)
    assert paused.held_actions(100.0) == {"email"}


def test_a_camera_that_the_mail_server_refuses_stops_no_other(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    smarthost.inbox.refuse_senders["bad@example.org"] = "550 5.7.1 Sender address rejected"
    server = start_server(f'senders = ["bad@example.org", "good@example.org"]\n{smarthost.config}')
    for number in range(4):
        body = email_body((f"{number}.JPG", PHOTO + bytes([number])), sender="bad@example.org")
        assert server.ask(email_request(body)).status == 200
    eventually(lambda: "PAUSED" in server.output)
    body = email_body(("5.JPG", PHOTO), sender="good@example.org")
    assert server.ask(email_request(body)).status == 200
    eventually(lambda: smarthost.inbox.mails)
    assert [mail.sender for mail in smarthost.inbox.mails] == ["good@example.org"]
    eventually(lambda: "email works again" in server.output)


def test_a_text_that_is_too_long_for_a_command_stops_no_other(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(
        '[shell]\ncmd = ["/bin/echo", "{body}"]\n[actions]\n"photos@example.org" = "shell"\n',
    )
    for number, text in enumerate(("x" * 140_000, "short")):
        body = email_body((f"{number}.JPG", PHOTO + bytes([number])), text=text)
        assert server.ask(email_request(body)).status == 200
    eventually(lambda: "ran for" in server.output)
    assert "Argument list too long" in server.output
    assert "PAUSED" not in server.output


def test_a_wish_beyond_all_dates_breaks_neither_the_page_nor_the_queue(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    mastodon.script = {"POST /api/v2/media": [(429, {"Retry-After": "9" * 400})]}
    server = start_server(
        f'[mastodon]\nurl = "{mastodon.url}"\ntoken = "t0ken"\nalt_text = "optional"\n'
        '[actions]\n"photos@example.org" = "mastodon"\n'
    )
    begun = time.time()
    assert server.ask(email_request(email_body(("1.JPG", PHOTO)))).status == 200
    eventually(lambda: "says 429" in server.output)
    [entry] = eventually(
        lambda: [entry for entry in entries(server) if "429" in entry["last_error"]]
    )
    assert begun < entry["due"] <= time.time() + 5 * 86400
    assert owner_of(server).get("/deliveries").status == 200
    assert "mastodon" in queue(server, "list").stdout
