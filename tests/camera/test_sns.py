"""The social dialogue's XML: logins, announcements, names."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera import replies, sns
from shutterpost.camera.crypt import decrypt
from shutterpost.camera.sns import Announcement, Login, Logout, read_announcement, read_auth
from shutterpost.wire.http import Refused
from tests.support import recording, reply_body


def body(name: str) -> bytes:
    return recording(name).partition(b"\r\n\r\n")[2]


def auth(data: bytes) -> Login | Logout:
    return read_auth(data, set())


def announcement(data: bytes) -> Announcement:
    return read_announcement(data, set())


def test_the_nx300s_encrypted_login() -> None:
    assert auth(body("sns-login-nx300")) == Login("f", "p")


def test_the_qf30s_plain_login() -> None:
    assert auth(body("sns-login-qf30")) == Login("me@example.org", "s&cret")


def test_a_login_does_not_show_its_password() -> None:
    assert "s&cret" not in repr(auth(body("sns-login-qf30")))


def test_logout() -> None:
    assert auth(body("sns-logout")) == Logout("SESSIONKEY")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \r\n",
        b"garbage",
        b'<Request Method="resolve"/>',
        b"<Request/>",
        b'<Request Method="login"/>',
        body("sns-login-nx300").replace(b"7xKPwb19", b"7xKPwb1"),
        body("sns-login-nx300").replace(b"62g%3D%3D", b"62g%3D%3D%FF"),
        body("sns-login-nx300").replace(b'Value="/////xAA', b'Value="AA'),
        body("sns-login-nx300").replace(b'UserName Value="', b'UserName Value="!'),
        body("sns-login-qf30").replace(b"me%40", b"me%0A"),
        body("sns-login-qf30").replace(b"me%40", b"me%FF"),
        body("sns-login-qf30").replace(b"me%40", b"m" * 300),
    ],
)
def test_unreadable_logins_are_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        auth(data)
    assert refused.value.status == 400


def test_a_broken_login_is_recovered() -> None:
    quirks: set[str] = set()
    data = body("sns-login-nx300").replace(b"</Request>", b"<PersistKey")
    assert read_auth(data, quirks) == Login("f", "p")
    assert quirks == {"broken-xml"}


@given(st.text(max_size=40), st.binary(min_size=32, max_size=32))
def test_what_is_encrypted_as_cameras_do_is_decrypted(text: str, key: bytes) -> None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    plain = text.rstrip("\x00").encode()
    encryptor = Cipher(algorithms.AES128(key[:16]), modes.CBC(key[16:])).encryptor()
    data = encryptor.update(plain + bytes(-len(plain) % 16)) + encryptor.finalize()
    value = base64.b64encode(data).decode()
    assert decrypt(base64.b64encode(key).decode(), value) == plain.decode()


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_credentials_are_read_or_a_value_error(key: str, value: str) -> None:
    with suppress(ValueError):
        decrypt(key, value)


def test_the_cameras_announcements() -> None:
    assert announcement(body("sns-photo")) == Announcement(
        session="SESSIONKEY",
        name="SAM_4371.JPG",
        text="Holiday shot!~fancy flower bed~traffic sign",
        camera="NX300",
    )
    assert announcement(body("sns-video")) == Announcement(
        session="SESSIONKEY", name="SAM_4372.MP4", text="A clip~waves on a beach", camera=""
    )


def test_androids_announcements() -> None:
    photo = announcement(body("sns-photo-android"))
    assert (photo.name, photo.text, photo.camera) == ("IMG_0001.jpg", "Holiday shot!", "")
    assert announcement(body("sns-video-android")).text == "A clip"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<Request/>",
        b'<Request SessionKey="x"><Photo/></Request>',
        b'<Request><Photo><File Name="A.JPG"/></Photo></Request>',
        b'<Request SessionKey="x"><Photo><File Name="A&#10;.JPG"/></Photo></Request>',
        b'<Request SessionKey="x"><Photo><File Name="' + b"A" * 900 + b'"/></Photo></Request>',
    ],
)
def test_incomplete_announcements_are_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        announcement(data)
    assert refused.value.status == 400


PIECES = [
    *(
        '<Request Method="login"',
        ">",
        "/>",
        "<UserName",
        ' Value="',
        '"',
        "%",
        "AAAA",
        "</Request>",
    ),
    *('<CryptSessionKey Value="', "<File", ' Name="', '<Request SessionKey="', "<Photo>", "&", "~"),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25).map("".join))
def test_any_input_is_read_or_refused(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    for read in (auth, announcement):
        try:
            read(data)
        except Refused as refused:
            assert refused.status == 400


NAMES = [
    "SAM_0001.JPG",
    "사진 1.JPG",
    'a "b" & <c>.JPG',
    "../../x.JPG",
    "50%.JPG",
    "a%20b.JPG",
    "a+b?c=d#e.JPG",
    "~it's.JPG",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_put_name_is_recognised_raw_encoded_and_escaped(name: str) -> None:
    from html import escape
    from urllib.parse import quote
    from xml.sax.saxutils import escape as xml_escape

    encoded = sns.resource_name(name)
    assert set(encoded) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-%")
    forms = (name, encoded, quote(name), escape(name), xml_escape(name), quote(xml_escape(name)))
    for sent in forms:
        assert name in sns.readings(sent), sent
        assert name in sns.readings(quote(sent)), sent
    assert name not in sns.readings("other.JPG")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("sam_0001.jpg", "SAM_0001.JPG"),
        ("my+photo.JPG", "my photo.JPG"),
        ("%BB%E7%C1%F8.JPG", "사진.JPG"),
        ("%bb%E7%C1%F8.JPG", "사진.JPG"),
        ("e\u0301te\u0301.JPG", "été.JPG"),
    ],
)
def test_a_put_name_in_another_case_or_encoding_is_recognised(sent: str, name: str) -> None:
    assert sns.folded(name) in {sns.folded(reading) for reading in sns.readings(sent)}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("SAM_0001.JPG", "SAM_0001.JPG"),
        ("%EC%82%AC.JPG", "사.JPG"),
        ("%BB%E7%C1%F8.JPG", "사진.JPG"),
        ("%FF%FF.JPG", "ÿÿ.JPG"),
        ("", ""),
    ],
)
def test_a_name_that_nobody_announced_is_decoded(sent: str, name: str) -> None:
    assert sns.decoded(sent) == name


@given(st.text(max_size=3000))
def test_any_put_name_has_readings(sent: str) -> None:
    assert sent in sns.readings(sent)
    sns.decoded(sent).encode()


@given(st.text(min_size=1, max_size=50))
def test_every_name_survives_its_resource_id(name: str) -> None:
    assert name in sns.readings(sns.resource_name(name))


def test_the_login_reply_is_the_proven_one() -> None:
    key = "0123456789abcdef" * 2
    expected = reply_body("login").replace(b"SESSIONKEY", key.encode())
    expected = expected.replace(b"SCREENNAME", b"me@example.org")
    assert replies.login(key, "me@example.org").body == expected


def test_the_upload_reply_is_the_proven_one() -> None:
    expected = reply_body("upload").replace(b"SESSIONKEY", b"k").replace(b"FILENAME", b"A.JPG")
    assert replies.upload("k", sns.resource_name("A.JPG")).body == expected


def test_the_time_reply_is_the_proven_one() -> None:
    assert replies.time(1782000000.0).body == reply_body("time")


@given(st.text())
def test_no_account_name_breaks_the_login_reply(name: str) -> None:
    lines = replies.login("k" * 32, name).body.decode().split("\n")
    assert len(lines) == 6
    assert lines[3].startswith('<LoginPeopleID="')
    assert lines[3].count('"') == 2


def test_replies_fit_one_segment() -> None:
    assert len(replies.login("k" * 32, "사" * 500).encode(0.0)) < 1400
    assert len(replies.upload("k" * 32, "x" * 800).encode(0.0)) < 1400
