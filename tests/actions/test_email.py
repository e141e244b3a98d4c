"""`email` against a real SMTP server."""

import asyncio
import copy
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult

from shutterpost.actions import MisconfiguredError, Outcome, PermanentError, TemporaryError
from shutterpost.actions.email import Email, split
from shutterpost.config.settings import Email as Settings
from shutterpost.config.values import Secret
from shutterpost.model import Delivery, Photo, Shipment
from tests.conftest import Smarthost

TO: tuple[str, ...] = ("a@example.org", "b@example.org")


class Attempt:
    """One delivery, tried as often as wanted; progress is kept as the spool would keep it."""

    def __init__(self, folder: Path, sizes: tuple[int, ...], text: str = "Hello\n.hidden") -> None:
        photos = []
        for number, size in enumerate(sizes, 1):
            data = bytes([number]) * size
            path = folder / str(number)
            path.write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            photos.append(Photo(number, f"SAM_{number}.JPG", "image/jpeg", size, sha256, path))
        self.photos = tuple(photos)
        self.shipment = Shipment(
            7, "Camera@samsungcamera.com", "Anna", TO, "", "Subject", text, "", 1e9, self.photos
        )
        self.to = TO
        self.progress: dict[str, object] = {}
        self.stored: list[Photo] = []

    def delivery(self) -> Delivery:
        return Delivery(
            1, "0123abcd", "email", self.to, 1, 1e9, self.shipment, self.photos, self.progress
        )

    async def note(self, progress: dict[str, object], store: Sequence[Photo] = ()) -> None:
        self.progress = copy.deepcopy(progress)
        self.stored += store

    def run(self, settings: Settings) -> Outcome:
        return asyncio.run(Email(settings).deliver(self.delivery(), self.note))


@pytest.fixture
def settings(smarthost: Smarthost) -> Callable[..., Settings]:
    def make(**values: Any) -> Settings:
        plain = {"host": "127.0.0.1", "port": smarthost.port, "security": "none", **values}
        return Settings(**plain)

    return make


Make = Callable[..., Settings]


def test_one_mail_to_all_recipients(smarthost: Smarthost, settings: Make, tmp_path: Path) -> None:
    outcome = Attempt(tmp_path, (5000, 7)).run(settings(from_="me@example.net"))
    [mail] = smarthost.inbox.mails
    assert (mail.sender, mail.recipients) == ("me@example.net", list(TO))
    message = mail.message
    assert message["Message-ID"] == "<0123abcd.1@example.net>"
    assert message["From"] == "Anna <me@example.net>"
    assert message["Reply-To"] == "Camera@samsungcamera.com"
    assert message["To"] == "a@example.org, b@example.org"
    assert message["Subject"] == "Subject"
    body = message.get_body()
    assert body is not None
    assert body.get_content().split() == ["Hello", ".hidden"]
    found = [(part.get_filename(), part.get_content()) for part in message.iter_attachments()]
    assert found == [("SAM_1.JPG", b"\x01" * 5000), ("SAM_2.JPG", b"\x02" * 7)]
    assert "<0123abcd.1@example.net>" in outcome.receipt


@pytest.mark.parametrize(
    ("values", "sender", "reply_to"),
    [
        ({}, "Camera@samsungcamera.com", None),
        ({"from_": "me@x.y", "username": ""}, "me@x.y", "Camera@samsungcamera.com"),
    ],
)
def test_who_it_comes_from(
    smarthost: Smarthost,
    settings: Make,
    tmp_path: Path,
    values: dict[str, Any],
    sender: str,
    reply_to: str | None,
) -> None:
    Attempt(tmp_path, (1,)).run(settings(**values))
    [mail] = smarthost.inbox.mails
    assert (mail.sender, mail.message["Reply-To"]) == (sender, reply_to)


def test_too_many_photos_for_one_mail_become_numbered_mails(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    Attempt(tmp_path, (30_000, 30_000, 30_000)).run(settings(max_size=110_000))
    assert [mail.message["Subject"] for mail in smarthost.inbox.mails] == [
        "Subject (1/2)",
        "Subject (2/2)",
    ]
    assert all(len(mail.raw) <= 110_000 for mail in smarthost.inbox.mails)
    names = [
        [part.get_filename() for part in mail.message.iter_attachments()]
        for mail in smarthost.inbox.mails
    ]
    assert names == [["SAM_1.JPG", "SAM_2.JPG"], ["SAM_3.JPG"]]
    ids = [mail.message["Message-ID"] for mail in smarthost.inbox.mails]
    assert len(set(ids)) == 2


def test_the_servers_own_limit_wins(smarthost: Smarthost, settings: Make, tmp_path: Path) -> None:
    smarthost.stop()
    port = smarthost.start(data_size_limit=60_000)
    Attempt(tmp_path, (30_000, 30_000)).run(settings(port=port))
    assert len(smarthost.inbox.mails) == 2


def test_what_is_too_large_for_any_mail_is_stored_and_the_mail_says_so(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, (1000, 900_000))
    attempt.run(settings(max_size=100_000))
    assert attempt.stored == [attempt.photos[1]]
    [mail] = smarthost.inbox.mails
    assert [part.get_filename() for part in mail.message.iter_attachments()] == ["SAM_1.JPG"]
    body = mail.message.get_body()
    assert body is not None
    assert "SAM_2.JPG (0.9 MiB) is too large for a mail" in body.get_content()


def test_a_mail_goes_out_even_if_nothing_fits(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, (900_000,))
    attempt.run(settings(max_size=100_000))
    assert tuple(attempt.stored) == attempt.photos
    assert len(smarthost.inbox.mails) == 1


def test_another_attempt_sends_only_what_is_missing(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["b@example.org"] = "450 later"
    attempt = Attempt(tmp_path, (1,))
    with pytest.raises(TemporaryError, match=r"b@example.org is refused: 450 later"):
        attempt.run(settings())
    smarthost.inbox.refuse.clear()
    attempt.run(settings())
    assert [mail.recipients for mail in smarthost.inbox.mails] == [[TO[0]], [TO[1]]]
    assert len({mail.message["Message-ID"] for mail in smarthost.inbox.mails}) == 1


def test_a_failure_between_two_mails_does_not_repeat_the_first(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    smarthost.inbox.refuse_data = ["250 OK"]  # as if stored elsewhere: the first is taken
    attempt = Attempt(tmp_path, (30_000, 30_000))
    smarthost.inbox.refuse_data.append("451 try later")
    with pytest.raises(TemporaryError, match="451 try later"):
        attempt.run(settings(max_size=60_000))
    attempt.run(settings(max_size=60_000))
    assert [mail.message["Subject"] for mail in smarthost.inbox.mails] == ["Subject (2/2)"]


def test_a_refused_recipient_is_told_and_the_others_have_their_mail_once(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["b@example.org"] = "550 no such user"
    attempt = Attempt(tmp_path, (1,))
    for _ in range(2):
        with pytest.raises(PermanentError, match=r"b@example.org is refused: 550 no such user; "):
            attempt.run(settings())
    assert [mail.recipients for mail in smarthost.inbox.mails] == [[TO[0]]]


def test_one_deferred_recipient_holds_up_no_other_mail(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["b@example.org"] = "451 later"
    attempt = Attempt(tmp_path, (30_000, 30_000))
    with pytest.raises(TemporaryError):
        attempt.run(settings(max_size=60_000))
    assert [mail.recipients for mail in smarthost.inbox.mails] == [[TO[0]], [TO[0]]]


def test_a_photo_that_is_too_large_is_stored_whoever_is_refused(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["b@example.org"] = "550 no such user"
    attempt = Attempt(tmp_path, (1000, 900_000))
    with pytest.raises(PermanentError):
        attempt.run(settings(max_size=100_000))
    assert attempt.stored == [attempt.photos[1]]


def test_what_the_server_finds_too_large_is_stored(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    smarthost.inbox.refuse_data = ["552 too large"]
    attempt = Attempt(tmp_path, (1000,))
    with pytest.raises(PermanentError, match="552 too large"):
        attempt.run(settings())
    assert tuple(attempt.stored) == attempt.photos


def test_a_damaged_photo_is_never_mailed_as_if_it_were_whole(
    smarthost: Smarthost, settings: Make, tmp_path: Path
) -> None:
    attempt = Attempt(tmp_path, (500_000,))
    attempt.photos[0].path.write_bytes(b"half")
    with pytest.raises(PermanentError, match=r"SAM_1\.JPG is damaged: 4 of 500000 bytes"):
        attempt.run(settings())
    assert smarthost.inbox.mails == []


@pytest.mark.parametrize("what", ["username", "password"])
def test_a_login_beyond_ascii_is_a_matter_of_configuration(
    smarthost: Smarthost, settings: Make, tmp_path: Path, what: str
) -> None:
    smarthost.stop()
    port = smarthost.start(auth_require_tls=False, authenticator=authenticator)
    login = {"username": "me", "password": Secret("pässwörd")}
    if what == "username":
        login = {"username": "mé", "password": Secret("right")}
    with pytest.raises(MisconfiguredError, match="plain ASCII") as error:
        Attempt(tmp_path, (1,)).run(settings(port=port, **login))
    assert "ä" not in str(error.value)


def test_a_mail_that_is_given_up_half_way_is_not_ended_as_if_it_were_whole(
    tmp_path: Path,
) -> None:
    heard = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))

    def silent_after_some_data() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"220 hi\r\n")
            while b"DATA\r\n" not in heard:
                heard.extend(client.recv(4096))
                if not heard.endswith(b"DATA\r\n"):
                    client.sendall(b"250 ok\r\n")
            client.sendall(b"354 go\r\n")
            heard.extend(client.recv(100_000))
            started.set()
            go_on.wait(20)
            while piece := client.recv(1 << 20):
                heard.extend(piece)

    started, go_on = threading.Event(), threading.Event()
    server = threading.Thread(target=silent_after_some_data)
    server.start()
    attempt = Attempt(tmp_path, (12_000_000,))
    settings = Settings(host="127.0.0.1", port=listener.getsockname()[1], security="none")
    delivery = attempt.delivery()

    async def give_up() -> None:
        task = asyncio.create_task(Email(settings).deliver(delivery, attempt.note))
        await asyncio.to_thread(started.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    go_on.set()
    server.join()
    listener.close()
    assert b"QUIT" not in heard.upper()[-1000:]
    assert not heard.endswith(b"\r\n.\r\n")


def test_refusals_of_the_whole_mail(smarthost: Smarthost, settings: Make, tmp_path: Path) -> None:
    for said, error in (("554 spam", PermanentError), ("452 full", TemporaryError)):
        smarthost.inbox.refuse_data = [said]
        with pytest.raises(error, match=said):
            Attempt(tmp_path, (1,)).run(settings())


def test_a_server_that_is_not_there_is_worth_another_try(settings: Make, tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="cannot be reached"):
        Attempt(tmp_path, (1,)).run(settings(port=1))


def authenticator(
    server: Any, session: Any, envelope: Any, mechanism: Any, data: Any
) -> AuthResult:
    return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """A server's TLS context that this process trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


def test_starttls_and_login(
    smarthost: Smarthost, settings: Make, tmp_path: Path, tls: ssl.SSLContext
) -> None:
    smarthost.stop()
    port = smarthost.start(
        tls_context=tls, require_starttls=True, auth_required=True, authenticator=authenticator
    )
    login = {"port": port, "security": "starttls", "username": "me@x.y"}
    Attempt(tmp_path, (1,)).run(settings(**login, password=Secret("right")))
    assert smarthost.inbox.mails[0].sender == "me@x.y"
    with pytest.raises(MisconfiguredError, match="refuses the login") as error:
        Attempt(tmp_path, (1,)).run(settings(**login, password=Secret("wr0ng")))
    assert "wr0ng" not in str(error.value)


def test_an_unknown_certificate_is_a_matter_of_configuration(
    smarthost: Smarthost,
    settings: Make,
    tmp_path: Path,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    smarthost.stop()
    port = smarthost.start(tls_context=tls, require_starttls=True)
    with pytest.raises(MisconfiguredError, match="certificate"):
        Attempt(tmp_path, (1,)).run(settings(port=port, security="starttls"))


def test_a_server_without_starttls_is_a_matter_of_configuration(
    settings: Make, tmp_path: Path
) -> None:
    with pytest.raises(MisconfiguredError, match="STARTTLS"):
        Attempt(tmp_path, (1,)).run(settings(security="starttls"))


def test_how_photos_are_split() -> None:
    assert split([], 10) == ([], [])
    assert split([4, 4, 4, 11, 10], 10) == ([[0, 1], [2], [4]], [3])


@pytest.mark.parametrize(("own", "about"), [("", "Camera@samsungcamera.com"), ("me@x.y", "")])
def test_a_refused_sender_is_that_cameras_matter_unless_the_settings_name_it(
    smarthost: Smarthost, settings: Callable[..., Settings], tmp_path: Path, own: str, about: str
) -> None:
    sender = own or "Camera@samsungcamera.com"
    smarthost.inbox.refuse_senders[sender] = "550 5.7.1 Sender address rejected"
    with pytest.raises(MisconfiguredError, match="550") as error:
        Attempt(tmp_path, (10,)).run(settings(from_=own))
    assert error.value.about == about
