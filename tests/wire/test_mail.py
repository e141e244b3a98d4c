"""Mails: what a real parser reads in them, and their size to the byte."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from shutterpost.wire.mail import Attachment, Head, Mail, base64_lines, encoded_size

HEAD = Head(
    message_id="<key.1@example.org>",
    sent=1_700_000_000.0,
    from_address="me@example.org",
    from_name="",
    reply_to="Camera@samsungcamera.com",
    to=("a@example.org", "b@example.org"),
    subject="[Samsung Smart Camera] sent you files.",
    text="Holiday shot!\n",
)


def parsed(head: Head, *files: tuple[str, str, bytes]) -> EmailMessage:
    mail = Mail(head, [Attachment(name, kind, len(data)) for name, kind, data in files])
    raw = b"".join(mail.pieces([[data] for _, _, data in files]))
    assert len(raw) == mail.size
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert not any(line.startswith(b".") and line[:2] != b".." for line in raw.split(b"\r\n"))
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_with_two_attachments() -> None:
    files = [("SAM_1.JPG", "image/jpeg", b"\x00\xff" * 5000), ("A.MP4", "video/mp4", b"")]
    message = parsed(HEAD, *files)
    assert message["Message-ID"] == "<key.1@example.org>"
    assert message["To"] == "a@example.org, b@example.org"
    assert message["Reply-To"] == "Camera@samsungcamera.com"
    assert message["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    text = message.get_body()
    assert text is not None
    assert text.get_content() == "Holiday shot!"
    found = [
        (part.get_filename(), part.get_content_type(), part.get_content())
        for part in message.iter_attachments()
    ]
    assert found == files


TEXT = st.text(
    st.characters(blacklist_categories=["Cs"]) | st.sampled_from('\r\n.:<>"'), max_size=120
)


@given(TEXT, TEXT, TEXT, TEXT)
def test_nothing_that_was_typed_becomes_a_header(
    subject: str, text: str, name: str, file: str
) -> None:
    from dataclasses import replace

    head = replace(
        HEAD, subject=subject + "\r\nBcc: x@y.z", text=text, from_name=name + "\nCc: x@y.z"
    )
    message = parsed(head, (file, "image/jpeg", b"x"))
    assert message["Bcc"] is None
    assert message["Cc"] is None
    assert sorted(message.keys()) == sorted(
        ["Message-ID", "Date", "From", "Reply-To", "To", "Subject", "MIME-Version", "Content-Type"]
    )
    assert [part.get_content() for part in message.iter_attachments()] == [b"x"]


def test_lines_that_begin_with_a_dot_are_stuffed() -> None:
    from dataclasses import replace

    raw = b"".join(Mail(replace(HEAD, text=".hidden\n..\n"), []).pieces([]))
    assert b"\r\n..hidden\r\n...\r\n" in raw


@given(st.lists(st.binary(max_size=500), max_size=10))
def test_base64_is_the_same_however_the_file_is_read(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    encoded = b"".join(base64_lines(pieces))
    assert encoded == b"".join(base64_lines([whole]))
    assert len(encoded) == encoded_size(len(whole))
