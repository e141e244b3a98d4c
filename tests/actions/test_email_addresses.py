"""`email`: who we say we are, and addresses that not every server takes."""

import asyncio
import dataclasses
import socket
import ssl
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
import trustme

from shutterpost.actions import MisconfiguredError, Outcome, PermanentError, own_mail
from shutterpost.actions.email import Email
from shutterpost.config.settings import Email as Settings
from tests.actions.test_email import Attempt
from tests.conftest import Smarthost, StartServer
from tests.scripted_smtp import scripted
from tests.support import email_body, email_request, eventually


def run(attempt: Attempt, port: int, **values: Any) -> Outcome:
    settings = Settings(**{"host": "127.0.0.1", "port": port, "security": "none", **values})
    return asyncio.run(Email(settings).deliver(attempt.delivery(), attempt.note))


def attempt_to(folder: Path, *recipients: str, sender: str = "me@x.org") -> Attempt:
    attempt = Attempt(folder, (10,))
    attempt.to = recipients
    attempt.shipment = dataclasses.replace(attempt.shipment, recipients=recipients, sender=sender)
    return attempt


@pytest.mark.parametrize("bad", ["a..b@x.y", ".@-", "a@x..y", "x@x.", "a'b@[1.2.3.4]", "a@ü..de"])
def test_one_mistyped_receiver_harms_no_other(
    smarthost: Smarthost, tmp_path: Path, bad: str
) -> None:
    smarthost.inbox.refuse = {bad: "501 5.1.3 Bad recipient address syntax"}
    with pytest.raises(PermanentError) as error:
        run(attempt_to(tmp_path, "a@example.org", bad, "b@example.org"), smarthost.port)
    assert str(error.value).startswith(f"{bad} is refused: 5")
    assert str(error.value).endswith("delivered to a@example.org, b@example.org")
    [mail] = smarthost.inbox.mails
    assert mail.recipients == ["a@example.org", "b@example.org"]
    lines = mail.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    start = lines.index(b"To: a@example.org,")
    assert lines[start + 1].strip(b" ,") in (bad.encode(), b"b@example.org")
    assert b" b@example.org" in lines[start + 1 : start + 3]


def test_a_domain_beyond_ascii_is_mailed_as_xn(smarthost: Smarthost, tmp_path: Path) -> None:
    attempt = attempt_to(tmp_path, "a@müller.example", sender="me@straße.example")
    run(attempt, smarthost.port)
    [mail] = smarthost.inbox.mails
    assert mail.sender == "me@xn--strae-oqa.example"
    assert mail.recipients == ["a@xn--mller-kva.example"]
    assert mail.message["To"] == "a@xn--mller-kva.example"
    assert mail.message["From"] == "Anna <me@xn--strae-oqa.example>"
    assert str(mail.message["Message-ID"]).endswith("@xn--strae-oqa.example>")
    assert mail.raw.isascii()


@pytest.mark.parametrize("domain", ["example.org", "müller.example"])
def test_letters_before_the_at_go_where_they_are_offered(tmp_path: Path, domain: str) -> None:
    attempt = attempt_to(tmp_path, f"jörg@{domain}", "b@müller.example")
    with scripted({b"EHLO": b"250-hi\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"}) as server:
        run(attempt, server.port)
    asked = domain.replace("müller", "xn--mller-kva")
    assert f"RCPT TO:<jörg@{asked}>\r\n".encode() in server.heard
    assert b"RCPT TO:<b@xn--mller-kva.example>\r\n" in server.heard
    assert b"MAIL FROM:<me@x.org> SMTPUTF8 BODY=8BITMIME\r\n" in server.heard


def test_smtputf8_is_asked_for_only_where_it_is_needed(tmp_path: Path) -> None:
    """The next server may not take it, and then the mail comes back."""
    attempt = attempt_to(tmp_path, "b@müller.example")
    with scripted({b"EHLO": b"250-hi\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"}) as server:
        run(attempt, server.port)
    assert b"MAIL FROM:<me@x.org>\r\n" in server.heard


def test_letters_before_the_at_are_refused_where_they_are_not_offered(tmp_path: Path) -> None:
    attempt = attempt_to(tmp_path, "jörg@example.org", "b@example.org")
    with (
        scripted({}) as server,
        pytest.raises(PermanentError, match=r"jörg@example\.org is refused: 553 .* beyond ASCII"),
    ):
        run(attempt, server.port)
    assert [line for line in server.heard if line.startswith(b"RCPT")] == [
        b"RCPT TO:<b@example.org>\r\n"
    ]
    assert server.heard.count(b".\r\n") == 1


def test_a_sender_beyond_ascii_is_told_where_it_is_not_taken(tmp_path: Path) -> None:
    attempt = attempt_to(tmp_path, "a@example.org", sender="카메라@x.org")
    with scripted({}) as server, pytest.raises(PermanentError, match=r"set \[email\] from"):
        run(attempt, server.port)


@pytest.mark.parametrize(
    "name", ['Anna "A" \\ B', "Jörg " * 20, "<x@y.z>", "a\r\nBcc: x@y.z", "삼성"]
)
def test_names_are_read_as_they_were_typed(smarthost: Smarthost, tmp_path: Path, name: str) -> None:
    attempt = attempt_to(tmp_path, "a@example.org")
    attempt.shipment = dataclasses.replace(attempt.shipment, sender_name=name)
    run(attempt, smarthost.port)
    plain = message_from_bytes(smarthost.inbox.mails[0].raw, policy=policy.compat32)
    found, address = parseaddr(str(make_header(decode_header(plain["From"]))))
    assert (" ".join(found.split()), address) == (" ".join(name.split()), "me@x.org")
    assert smarthost.inbox.mails[0].message["Bcc"] is None
    assert max(map(len, smarthost.inbox.mails[0].raw.split(b"\r\n"))) < 200


@pytest.mark.parametrize(
    ("host", "helo", "sender", "greeting"),
    [
        ("pi", "", "me@example.org", "example.org"),
        ("pi", "", "me@müller.example", "xn--mller-kva.example"),
        ("pi", "mail.example.net", "me@example.org", "mail.example.net"),
        ("pi.example.com", "", "me@example.org", "pi.example.com"),
        ("localhost.localdomain", "", "me@example.org", "example.org"),
        ("pi.", "", "me@example.org", "example.org"),
    ],
)
def test_the_name_that_we_greet_with(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    helo: str,
    sender: str,
    greeting: str,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    with scripted({}) as server:
        run(attempt_to(tmp_path, "a@example.org", sender=sender), server.port, helo=helo)
    assert server.heard[0] == f"ehlo {greeting}\r\n".encode()


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context, and the authority that this machine does not know."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path / "own.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_the_owners_own(
    smarthost: Smarthost,
    tmp_path: Path,
    own_certificate: tuple[ssl.SSLContext, Path],
    security: str,
) -> None:
    context, file = own_certificate
    smarthost.stop()
    if security == "tls":
        port = smarthost.start(ssl_context=context)
    else:
        port = smarthost.start(tls_context=context, require_starttls=True)
    attempt = attempt_to(tmp_path, "a@example.org")
    with pytest.raises(MisconfiguredError, match=r"certificate.*\[email\] ca_file"):
        run(attempt, port, security=security)
    assert run(attempt, port, security=security, ca_file=file).receipt
    assert len(smarthost.inbox.mails) == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_file_that_holds_none(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "own.pem"
    if content:
        file.write_text(content)
    with scripted({b"EHLO": b"250-hi\r\n250 STARTTLS\r\n"}) as server:
        attempt = attempt_to(tmp_path, "a@example.org")
        with pytest.raises(MisconfiguredError, match=r"\[email\] ca_file .*own.pem: "):
            run(attempt, server.port, security="starttls", ca_file=file)


@pytest.mark.parametrize("to", ["me@example.org", "jörg@example.org", "me@ü..de"])
def test_our_own_mails_tell_that_they_are_refused(to: str) -> None:
    words = {b"RCPT": b"550 5.1.1 no such user\r\n"}
    with scripted(words) as server, pytest.raises(PermanentError):
        settings = Settings(host="127.0.0.1", port=server.port, security="none")
        own_mail.send(settings, to, "Subject", "Text\n", 1e9)


def test_what_cannot_be_mailed_is_refused_at_the_door_unless_others_get_it(
    start_server: StartServer,
) -> None:
    """Whether letters before the @ are taken is known once the smarthost has been met."""

    def ask(name: str, *receivers: str) -> int:
        data = b"\xff\xd8" + name.encode()
        return server.ask(email_request(email_body((name, data), receivers=receivers))).status

    with scripted({}) as smarthost:
        server = start_server(
            f'[email]\nhost = "127.0.0.1"\nport = {smarthost.port}\nsecurity = "none"\n'
            '[actions]\n"*@kept.example" = "store"\n'
        )
        assert ask("A.JPG", "me@ü..de") == 400
        assert "the domain ü..de is not valid" in server.output
        assert ask("B.JPG", "jörg@example.org") == 200
        eventually(lambda: "jörg@example.org is refused: 553" in server.output)
        assert ask("C.JPG", "jörg@example.org") == 400
        assert "takes no letters beyond ASCII before the @ of jörg@example.org" in server.output
        assert ask("D.JPG", "jörg@example.org", "b@müller.example") == 200
        eventually(lambda: b"RCPT TO:<b@xn--mller-kva.example>\r\n" in smarthost.heard)
        assert ask("E.JPG", "jörg@example.org", "b@kept.example") == 200
