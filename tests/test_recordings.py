"""Every recording is played whole, byte by byte and in every two-way split of its head.

The pure core reads them here, with no socket between; `test_dialogue` plays them against
the running server.
"""

from collections.abc import Iterable

import pytest

from shutterpost.camera.email import read_message
from shutterpost.quirks import QUIRKS
from shutterpost.wire.body import SizedBody
from shutterpost.wire.http import HeadReader, Request
from shutterpost.wire.multipart import Data, Multipart, Part, boundary
from tests.support import BOUNDARY, PHOTO, RECORDINGS, one_by_one, recording, splits

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.http"))

REQUESTS = {
    "allshare-login-nx300": ("POST", "www.ospserver.net"),
    "email-nx300": ("POST", "www.ospserver.net"),
    "email-nx300-absolute": ("POST", "www.ospserver.net"),
    "email-nx300-bare-end": ("POST", "www.ospserver.net"),
    "hotspot-gld": ("GET", "gld.samsungosp.com"),
    "hotspot-msn": ("GET", "www.msn.com"),
    "hotspot-samsungimaging": ("GET", "www.samsungimaging.com"),
    "hotspot-yahoo": ("GET", "www.yahoo.co.kr"),
    "sns-login-empty": ("POST", "snsgw.samsungmobile.com"),
    "sns-login-nx300": ("POST", "snsgw.samsungmobile.com"),
    "sns-login-qf30": ("POST", "snsgw.samsungmobile.com"),
    "sns-logout": ("POST", "snsgw.samsungmobile.com"),
    "sns-photo": ("POST", "snsgw.samsungmobile.com"),
    "sns-photo-android": ("POST", "snsgw.samsungmobile.com"),
    "sns-put": ("PUT", "snsgw.samsungmobile.com"),
    "sns-video": ("POST", "snsgw.samsungmobile.com"),
    "sns-video-android": ("POST", "snsgw.samsungmobile.com"),
    "st1000-serviceproviders": ("GET", "www.ospserver.net"),
    "st1000-time": ("GET", "www.ospserver.net"),
}

EMAILS = ["email-nx300", "email-nx300-absolute", "email-nx300-bare-end"]
"""The last one ends as no camera is known to do: without the CRLF after the boundary."""


def play(pieces: Iterable[bytes]) -> tuple[Request, bytes, bool]:
    """The request, its body, and whether the body is complete."""
    reader = HeadReader()
    request: Request | None = None
    body: SizedBody | None = None
    data = b""
    for piece in pieces:
        if request is None:
            found = reader.feed(piece)
            if found is None:
                continue
            request, rest = found
            assert request.length is not None
            body = SizedBody(request.length)
        else:
            rest = piece
        assert body is not None
        data += b"".join(body.feed(rest))
    assert request is not None
    assert body is not None
    return request, data, body.complete


def test_there_is_an_expectation_for_every_recording() -> None:
    assert sorted(REQUESTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_same_request_in_every_split(name: str) -> None:
    raw = recording(name)
    head = raw.index(b"\r\n\r\n") + 4
    request, body, complete = play([raw])
    assert complete
    assert body == raw[head:]
    assert (request.method, request.host) == REQUESTS[name]
    assert request.quirks <= QUIRKS.keys()
    assert play(one_by_one(raw)) == (request, body, True)
    for first, second in splits(raw[:head]):
        assert play([first, second + raw[head:]]) == (request, body, True)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_cut_short_is_never_complete(name: str) -> None:
    raw = recording(name)
    head = raw.index(b"\r\n\r\n") + 4
    for cut in range(head, len(raw), 97):
        assert not play([raw[:cut]])[2]


def email_of(pieces: Iterable[bytes], name: bytes) -> list[tuple[str, str, bytes]]:
    reader = Multipart(name)
    found: list[tuple[str, str, bytes]] = []
    events = [event for piece in pieces for event in reader.feed(piece)]
    events += reader.end()
    for event in events:
        if isinstance(event, Part):
            found.append((event.parameter("name"), event.parameter("filename"), b""))
        elif isinstance(event, Data):
            part, file, data = found[-1]
            found[-1] = (part, file, data + event.data)
    return found


@pytest.mark.parametrize("name", EMAILS)
def test_the_e_mails_photo_comes_out_to_the_byte(name: str) -> None:
    request, body, _ = play([recording(name)])
    separator = boundary(request.value("Content-Type"))
    [message, photo] = email_of([body], separator)
    assert photo == ("binary", "SAM_4371.JPG", PHOTO)
    assert read_message(message[2], set()).receivers == ("photos@example.org",)
    assert email_of(one_by_one(body), separator) == [message, photo]
    near_borders = {
        position + offset
        for position in (0, body.index(PHOTO), len(body) - len(separator))
        for offset in range(-250, 250)
    }
    for cut in near_borders:
        if 0 <= cut <= len(body):
            assert email_of([body[:cut], body[cut:]], separator) == [message, photo]


@pytest.mark.parametrize("name", EMAILS)
def test_an_e_mail_ends_in_its_boundary(name: str) -> None:
    end = b"\r\n--" + BOUNDARY + (b"" if name == "email-nx300-bare-end" else b"\r\n")
    assert recording(name).endswith(end)
    assert recording("email-nx300-bare-end")[-100:] == recording("email-nx300")[-102:-2]
