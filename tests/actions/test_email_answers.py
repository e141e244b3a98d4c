"""`email`: what servers answer, late, oddly, or not at all."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shutterpost.actions import (
    DeliveryError,
    MisconfiguredError,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.actions.email import Email
from shutterpost.actions.smtp import Patience, Session
from shutterpost.config.settings import Email as Settings
from tests.actions.test_email import TO, Attempt
from tests.conftest import Smarthost, StartServer
from tests.scripted_smtp import CLOSE, scripted
from tests.support import email_body, email_request, eventually

SHORT = Patience(step=0.5, answer=20.0)
HASTY = Patience(step=5.0, answer=0.2)


def settings(port: int, **values: Any) -> Settings:
    return Settings(host="127.0.0.1", port=port, security="none", **values)


def run(attempt: Attempt, settings: Settings, patience: Patience = SHORT) -> Outcome:
    return asyncio.run(Email(settings, patience).deliver(attempt.delivery(), attempt.note))


def test_a_server_may_take_ten_minutes_for_a_mail_and_no_longer_for_anything_else() -> None:
    assert Patience() == Patience(step=60.0, answer=600.0)


def test_a_server_slower_than_any_other_step_gets_one_copy(
    smarthost: Smarthost, tmp_path: Path
) -> None:
    smarthost.inbox.hold.clear()
    timer = threading.Timer(3 * SHORT.step, smarthost.inbox.hold.set)
    timer.start()
    outcome = run(Attempt(tmp_path, (10,)), settings(smarthost.port))
    timer.join()
    assert len(smarthost.inbox.mails) == 1
    assert "perhaps" not in outcome.receipt


def test_a_lost_answer_is_told_and_the_mail_goes_out_once_more(
    smarthost: Smarthost, tmp_path: Path
) -> None:
    smarthost.inbox.answers = [None]
    attempt = Attempt(tmp_path, (10,))
    with pytest.raises(TemporaryError, match=r"perhaps delivered: .* took the whole mail"):
        run(attempt, settings(smarthost.port))
    assert attempt.progress["mails"][0]["unanswered"] == 1  # type: ignore[index]
    assert "perhaps twice" in run(attempt, settings(smarthost.port)).receipt
    ids = {mail.message["Message-ID"] for mail in smarthost.inbox.mails}
    assert (len(smarthost.inbox.mails), len(ids)) == (2, 1)


@pytest.mark.parametrize("way", ["dropped", "too slow"])
def test_a_mail_is_handed_over_twice_at_most(
    smarthost: Smarthost, tmp_path: Path, way: str
) -> None:
    if way == "dropped":
        smarthost.inbox.answers = [None] * 9
    else:
        smarthost.inbox.hold.clear()
    attempt = Attempt(tmp_path, (10,))
    with pytest.raises(TemporaryError):
        run(attempt, settings(smarthost.port), HASTY)
    for _ in range(3):
        with pytest.raises(PermanentError, match=r"a@example\.org: perhaps delivered"):
            run(attempt, settings(smarthost.port), HASTY)
    smarthost.inbox.hold.set()
    eventually(lambda: len(smarthost.inbox.mails) == 2)


def test_a_lost_answer_to_one_mail_keeps_no_other(smarthost: Smarthost, tmp_path: Path) -> None:
    smarthost.inbox.answers = [None, None]
    attempt = Attempt(tmp_path, (30_000, 30_000))
    with pytest.raises(TemporaryError):
        run(attempt, settings(smarthost.port, max_size=60_000))
    with pytest.raises(DeliveryError):  # the session is over with the second lost answer
        run(attempt, settings(smarthost.port, max_size=60_000))
    with pytest.raises(PermanentError, match="perhaps delivered"):
        run(attempt, settings(smarthost.port, max_size=60_000))
    subjects = [mail.message["Subject"] for mail in smarthost.inbox.mails]
    assert subjects == ["Subject (1/2)", "Subject (1/2)", "Subject (2/2)"]


def test_it_is_noted_before_the_mail_is_handed_over(smarthost: Smarthost, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, (10,))
    noted: list[tuple[int, int]] = []

    async def note(progress: Any, store: Any = ()) -> None:
        await Attempt.note(attempt, progress, store)
        count = progress["mails"][0].get("unanswered", 0)
        noted.append((count, len(smarthost.inbox.mails)))

    asyncio.run(Email(settings(smarthost.port)).deliver(attempt.delivery(), note))
    assert noted == [(0, 0), (1, 0), (0, 1)]


def test_a_mail_whose_progress_cannot_be_noted_is_not_handed_over(
    smarthost: Smarthost, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, (10,))

    async def note(progress: Any, store: Any = ()) -> None:
        if progress["mails"][0].get("unanswered"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        asyncio.run(Email(settings(smarthost.port)).deliver(attempt.delivery(), note))
    run(attempt, settings(smarthost.port))
    assert len(smarthost.inbox.mails) == 1


def test_a_person_may_have_it_sent_again(smarthost: Smarthost, tmp_path: Path) -> None:
    smarthost.inbox.answers = [None, None]
    attempt = Attempt(tmp_path, (10,))
    for error in (TemporaryError, PermanentError):
        with pytest.raises(error):
            run(attempt, settings(smarthost.port))
    attempt.progress["again"] = True
    assert "perhaps" not in run(attempt, settings(smarthost.port)).receipt
    assert [mail.recipients for mail in smarthost.inbox.mails] == [list(TO)] * 3


def test_after_a_refusal_only_those_who_were_refused_are_asked_again(
    smarthost: Smarthost, tmp_path: Path
) -> None:
    smarthost.inbox.refuse = {TO[1]: "550 no such user"}
    attempt = Attempt(tmp_path, (10,))
    with pytest.raises(PermanentError):
        run(attempt, settings(smarthost.port))
    smarthost.inbox.refuse.clear()
    with pytest.raises(PermanentError):  # nobody has asked for another attempt
        run(attempt, settings(smarthost.port))
    attempt.progress["again"] = True
    run(attempt, settings(smarthost.port))
    run(attempt, settings(smarthost.port))
    assert [mail.recipients for mail in smarthost.inbox.mails] == [[TO[0]], [TO[1]]]


def test_progress_of_the_first_release_is_understood(smarthost: Smarthost, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, (10,))
    attempt.progress = {
        "mails": [{"photos": [0], "to": [TO[1]], "refused": {TO[0]: "550 no"}}],
        "too_large": [],
    }
    with pytest.raises(PermanentError, match=r"550 no; delivered to b@example\.org"):
        run(attempt, settings(smarthost.port))
    assert [mail.recipients for mail in smarthost.inbox.mails] == [[TO[1]]]


@pytest.mark.parametrize("code", [200, 250, 251, 252, 299])
def test_any_2xx_is_success_at_every_step(tmp_path: Path, code: int) -> None:
    said = b"%d fine\r\n" % code
    words = dict.fromkeys((b"RSET", b"MAIL", b"RCPT", b"."), said)
    with scripted(words) as server:
        run(Attempt(tmp_path, (10,)), settings(server.port))
    assert server.heard.count(b".\r\n") == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("400 later", TemporaryError),
        ("499 later", TemporaryError),
        ("500 never", PermanentError),
        ("599 never", PermanentError),
    ],
)
@pytest.mark.parametrize("step", [b"RCPT", b"DATA", b"."])
def test_refusals_at_their_edges(
    tmp_path: Path, said: str, error: type[DeliveryError], step: bytes
) -> None:
    attempt = Attempt(tmp_path, (10,))
    with scripted({step: f"{said}\r\n".encode()}) as server, pytest.raises(error, match=said):
        run(attempt, settings(server.port))
    assert attempt.progress["mails"][0].get("unanswered", 0) == 0  # type: ignore[index]


@pytest.mark.parametrize("said", [b"354 go on\r\n", b"???\r\n", b"600 what\r\n", b"99\r\n", CLOSE])
def test_what_is_no_answer_leaves_it_open_whether_it_was_delivered(
    tmp_path: Path, said: bytes
) -> None:
    with scripted({b".": said}) as server, pytest.raises(TemporaryError, match="perhaps delivered"):
        run(Attempt(tmp_path, (10,)), settings(server.port))


SETTINGS_FAULTS = (
    "554 5.2.252 SendAsDenied; me@example.org not allowed to send as camera@samsungcamera.com",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "550 5.7.60 SMTP; Der Client hat keine Berechtigung, als dieser Absender zu senden",
    "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
    "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP",
    "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\r\n550 5.7.26 no",
    "530 Authentication required",
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled",
)


@pytest.mark.parametrize("said", SETTINGS_FAULTS)
@pytest.mark.parametrize("step", [b"MAIL", b"RCPT", b"DATA", b"."])
def test_what_the_settings_are_to_blame_for_pauses_wherever_it_is_said(
    tmp_path: Path, said: str, step: bytes
) -> None:
    with scripted({step: f"{said}\r\n".encode()}) as server:
        with pytest.raises(MisconfiguredError) as error:
            run(Attempt(tmp_path, (10,)), settings(server.port))
        assert said[:3] in str(error.value)
        assert error.value.about == "Camera@samsungcamera.com"
        with pytest.raises(MisconfiguredError) as error:
            run(Attempt(tmp_path, (10,)), settings(server.port, from_="me@example.org"))
        assert error.value.about == ""


@pytest.mark.parametrize(
    "said", ["550 5.7.1 spam", "554 5.7.0 spam", "550 5.1.1 no such user", "554 5.71.60 what"]
)
@pytest.mark.parametrize("step", [b"DATA", b"."])
def test_what_the_mail_is_to_blame_for_fails(tmp_path: Path, said: str, step: bytes) -> None:
    words = {step: f"{said}\r\n".encode()}
    with scripted(words) as server, pytest.raises(PermanentError, match=said):
        run(Attempt(tmp_path, (10,)), settings(server.port))


@pytest.mark.parametrize(("login", "error"), [("", MisconfiguredError), ("me", PermanentError)])
def test_a_relay_that_refuses_everybody_wants_a_login(
    tmp_path: Path, login: str, error: type[DeliveryError]
) -> None:
    from shutterpost.config.values import Secret

    words = {
        b"EHLO": b"250-hi\r\n250 AUTH PLAIN\r\n",
        b"AUTH": b"235 welcome\r\n",
        b"RCPT": b"554 5.7.1 <a@example.org>: Relay access denied\r\n",
    }
    with scripted(words) as server, pytest.raises(error, match="Relay access denied"):
        run(Attempt(tmp_path, (1,)), settings(server.port, username=login, password=Secret("x")))


@pytest.mark.parametrize("said", ["552 5.3.4 too large", "554 5.3.4 too large", "550 5.2.3 large"])
@pytest.mark.parametrize("step", [b"MAIL", b"DATA", b"."])
def test_too_large_is_understood_wherever_it_is_said(
    tmp_path: Path, said: str, step: bytes
) -> None:
    attempt = Attempt(tmp_path, (10,))
    words = {step: f"{said}\r\n".encode()}
    with scripted(words) as server, pytest.raises(PermanentError, match="large"):
        run(attempt, settings(server.port))
    assert tuple(attempt.stored) == attempt.photos


LAST = b"421 4.7.0 Try again later, closing connection. (EHLO)\r\n"


@pytest.mark.parametrize("step", [b"", b"EHLO", b"RSET", b"MAIL", b"RCPT", b"DATA"])
@pytest.mark.parametrize("end", [b"\r\n", b""])
def test_the_servers_last_words_are_told(tmp_path: Path, step: bytes, end: bytes) -> None:
    """Google's relay answers so to a greeting that it does not like, then closes."""
    said = LAST.removesuffix(b"\r\n") + end
    with (
        scripted({step: said}, closes_after=step) as server,
        pytest.raises(TemporaryError, match=r"421 4\.7\.0 Try again later"),
    ):
        run(Attempt(tmp_path, (10,)), settings(server.port))


def test_last_words_in_the_middle_of_a_mail_are_told(tmp_path: Path) -> None:
    """The server refuses and closes while photos are still on their way."""
    words = {b"DATA": b"354 go\r\n552 5.3.4 that is too much\r\n"}
    attempt = Attempt(tmp_path, (20_000_000,))
    with scripted(words, closes_after=b"DATA") as server:
        with pytest.raises(PermanentError, match="that is too much"):
            run(attempt, settings(server.port))
        assert tuple(attempt.stored) == attempt.photos


@pytest.mark.parametrize("step", [b"", b"EHLO", b"MAIL", b"."])
@pytest.mark.parametrize("flood", [b"250-and on\r\n", b"250 no end of this line "])
def test_a_server_that_talks_without_end_is_left(tmp_path: Path, step: bytes, flood: bytes) -> None:
    words = {step: flood * 1_000_000}
    with scripted(words) as server, pytest.raises(TemporaryError, match="goes on and on"):
        run(Attempt(tmp_path, (10,)), settings(server.port))


def test_a_server_that_dribbles_is_left(tmp_path: Path) -> None:
    """Each byte comes in time, and the reply never."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def dribble() -> None:
        client, _ = listener.accept()
        with client:
            try:
                while not stop.wait(0.05):
                    client.sendall(b"2")
            except OSError:
                return

    thread = threading.Thread(target=dribble)
    thread.start()
    with pytest.raises(TemporaryError, match="did not answer in time"):
        Session(settings(listener.getsockname()[1]), "me@x.y", SHORT)
    stop.set()
    thread.join()
    listener.close()


@pytest.fixture
def delivering(start_server: StartServer, smarthost: Smarthost) -> Callable[[], Any]:
    """A server whose mail the smarthost has taken and not answered."""

    def start() -> Any:
        smarthost.inbox.hold.clear()
        server = start_server(smarthost.config + '[delivery]\nfirst_retry = "0.1 s"\n')
        server.ask(email_request(email_body(("A.JPG", b"\xff\xd8 a photo"))))
        eventually(lambda: smarthost.inbox.mails)
        return server

    return start


def test_a_stop_waits_for_the_answer_to_a_mail(
    smarthost: Smarthost, delivering: Callable[[], Any]
) -> None:
    server = delivering()
    server.process.terminate()
    eventually(lambda: "a mail is handed over: waiting" in server.output)
    smarthost.inbox.hold.set()
    assert server.stop() == 0
    server.start()
    server.ask(email_request(email_body(("B.JPG", b"\xff\xd8 another"))))
    eventually(lambda: len(smarthost.inbox.mails) == 2)
    assert [
        [part.get_filename() for part in mail.message.iter_attachments()]
        for mail in smarthost.inbox.mails
    ] == [["A.JPG"], ["B.JPG"]]


def test_kills_before_the_answer_make_two_copies_at_most(
    smarthost: Smarthost, delivering: Callable[[], Any]
) -> None:
    server = delivering()
    server.kill()
    server.start()
    eventually(lambda: len(smarthost.inbox.mails) == 2)
    server.kill()
    server.start()
    eventually(lambda: "perhaps delivered" in server.output)
    smarthost.inbox.hold.set()
    assert len(smarthost.inbox.mails) == 2
