"""The message XML: what is read, what is recovered, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.camera.email import RECEIVER_LIMIT, Message, read_message
from shutterpost.wire.http import Refused


def xml(
    sender: str = "<sender>Camera@samsungcamera.com</sender>",
    receivers: str = "<receiver>a@example.org</receiver>",
    title: str = "<![CDATA[[Samsung Smart Camera] sent you files.]]>",
    body: str = "<![CDATA[Sent from Samsung Camera.\r\nlanguage_sh100_utf8]]>",
) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f"<email>{sender}<receiverList>{receivers}\r\n</receiverList><title>{title}</title>\r\n"
        f"<body>{body}</body></email>"
    ).encode()


def read(data: bytes) -> Message:
    return read_message(data, set())


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as refused:
        read(data)
    assert refused.value.status == 400
    return refused.value.why


def test_the_nx300s_message() -> None:
    quirks: set[str] = set()
    assert read_message(xml(), quirks) == Message(
        sender="Camera@samsungcamera.com",
        sender_name="",
        receivers=("a@example.org",),
        subject="[Samsung Smart Camera] sent you files.",
        text="Sent from Samsung Camera.",
    )
    assert quirks == set()


def test_a_sender_with_a_name() -> None:
    message = read(xml(sender="<sender>Anna M. &lt;anna@example.org&gt;</sender>"))
    assert (message.sender_name, message.sender) == ("Anna M.", "anna@example.org")


def test_several_receivers_keep_their_order_and_come_once() -> None:
    receivers = "".join(f"<receiver>{to}</receiver>" for to in ("b@x.y", " a@x.y\n", "B@X.Y", ""))
    assert read(xml(receivers=receivers)).receivers == ("b@x.y", "a@x.y")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("language_sh100_utf8", ""),
        ("안녕\nlanguage_sh100_utf8\r\n", "안녕"),
        ("a\r\nb~c\r\nlanguage_sh100_utf8", "a\nb~c"),
        ("I like language_sh100_utf8", "I like language_sh100_utf8"),
        ("language_sh100_utf8\r\nis odd", "language_sh100_utf8\nis odd"),
        ("plain", "plain"),
    ],
)
def test_only_the_cameras_own_last_line_is_removed(body: str, text: str) -> None:
    assert read(xml(body=f"<![CDATA[{body}]]>")).text == text


BROKEN = {
    "a bare ampersand": xml(title="Tom & Jerry", body="a & b &amp; &lt;c&gt; &#65;&#x42; &nbsp;"),
    "a missing end": xml()[:-8],
    "everything after the receivers missing": xml()[: xml().index(b"</receiverList>")],
    "an unclosed receiver": xml(receivers="<receiver>a@example.org"),
    "an unclosed sender": xml(sender="<sender>Camera@samsungcamera.com"),
    "a stray end": xml(sender="</x><sender>Camera@samsungcamera.com</sender></y>"),
    "stray markup": xml(sender='4p4"/> < <<sender>Camera@samsungcamera.com</sender>'),
    "two roots": b"<a/>" + xml(),
    "a NUL": xml() + b"\x00",
    "an unknown encoding": xml().replace(b"UTF-8", b"no-such-thing"),
    "text before the declaration": b"x" + xml(),
    "an attribute without its quote": xml().replace(b"<email>", b'<email a="b>'),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_fields_are_recovered_from_broken_xml(data: bytes) -> None:
    quirks: set[str] = set()
    message = read_message(data, quirks)
    assert message.sender == "Camera@samsungcamera.com"
    assert message.receivers == ("a@example.org",)
    assert quirks == {"broken-xml"}


def test_recovered_text_has_its_references_resolved() -> None:
    message = read(BROKEN["a bare ampersand"])
    assert message.subject == "Tom & Jerry"
    assert message.text == "a & b & <c> AB &nbsp;"


def test_recovery_takes_cdata_as_it_is() -> None:
    message = read(b"&" + xml(body="<![CDATA[</body> & <b>\r\nx]]>"))
    assert message.text == "</body> & <b>\nx"


@pytest.mark.parametrize(
    ("typed", "receivers"),
    [
        ("a@x;b@y", ("a@x", "b@y")),
        ("a@x, b@y", ("a@x", "b@y")),
        ("a@x,b@y;", ("a@x", "b@y")),
        (";; a@x ,;\n b@y,A@X", ("a@x", "b@y")),
        ("Doe, John <a@x>; b@y", ("a@x", "b@y")),
        ('"a@b, c; d" <a@x>, b@y', ("a@x", "b@y")),
        ('"unclosed <a@x>, b@y', ("a@x", "b@y")),
    ],
)
def test_several_addresses_in_one_receiver(typed: str, receivers: tuple[str, ...]) -> None:
    quirks: set[str] = set()
    found = read_message(xml(receivers=f"<receiver><![CDATA[{typed}]]></receiver>"), quirks)
    assert (found.receivers, quirks) == (receivers, {"several-receivers"})


def test_a_name_with_a_comma_is_one_receiver() -> None:
    quirks: set[str] = set()
    found = read_message(xml(receivers="<receiver>Doe, John &lt;a@x&gt;</receiver>"), quirks)
    assert (found.receivers, quirks) == (("a@x",), set())


@pytest.mark.parametrize("typed", ["a@x, nobody", "no@body at all;, a@x", "a@x, b@y c@z"])
def test_what_is_no_address_among_several_is_passed_over(typed: str) -> None:
    quirks: set[str] = set()
    found = read_message(xml(receivers=f"<receiver>{typed}</receiver>"), quirks)
    assert found.receivers == ("a@x",)
    assert "unreadable-receiver" in quirks


KOREAN = "똠방각하 사진"


def _declared(encoding: str, text: str, codec: str) -> bytes:
    whole = xml(title=text, body=text).decode()
    return whole.replace('encoding="UTF-8"', encoding).encode(codec)


@pytest.mark.parametrize(
    ("encoding", "codec", "text"),
    [
        ('encoding="EUC-KR"', "cp949", KOREAN),
        ("encoding='euc-kr' standalone='yes'", "euc-kr", "사진"),
        ('encoding = "ks_c_5601-1987"', "euc-kr", "사진"),
        ('encoding="Shift_JIS"', "cp932", "写真"),
        ('encoding="GB2312"', "gb18030", "照片"),
        ('encoding="Big5"', "cp950", "照片"),
        ('encoding="iso-8859-1"', "latin-1", "été"),
        ('encoding="UTF-16"', "utf-16", KOREAN),
        ('encoding="UTF-8"', "utf-8", KOREAN),
    ],
)
def test_xml_is_read_in_the_encoding_that_it_declares(encoding: str, codec: str, text: str) -> None:
    quirks: set[str] = set()
    message = read_message(_declared(encoding, text, codec), quirks)
    assert (message.subject, message.text, quirks) == (text, text, set())


@pytest.mark.parametrize("encoding", ["", 'encoding="UTF-8"'])
@pytest.mark.parametrize(("codec", "text"), [("cp949", KOREAN), ("latin-1", "été à Genève")])
@pytest.mark.parametrize("broken", [False, True])
def test_what_is_neither_utf_8_nor_declared_is_korean_or_latin(
    encoding: str, codec: str, text: str, broken: bool
) -> None:
    quirks: set[str] = set()
    data = _declared(encoding, text, codec)
    message = read_message(data.replace(b"</email>", b"") if broken else data, quirks)
    assert (message.subject, message.text) == (text, text)
    assert quirks == {"undeclared-encoding", *(["broken-xml"] if broken else [])}


def test_xml_that_is_declared_korean_and_is_not_is_read_all_the_same() -> None:
    message = read(_declared('encoding="EUC-KR"', "사", "utf-8"))
    assert message.subject == "사"


def test_utf_8_that_lost_a_byte_stays_utf_8() -> None:
    text = "사진과 동영상을 보냅니다"
    data = xml(title=text).replace("니다".encode(), "니다".encode()[:-1])
    assert read(data).subject == "사진과 동영상을 보냅니\ufffd"


@given(st.text(max_size=40), st.sampled_from(["cp949", "utf-8", "latin-1", "utf-16", "shift_jis"]))
def test_any_declaration_and_any_bytes_give_text_that_can_be_written(text: str, codec: str) -> None:
    for declared in ("EUC-KR", "UTF-8", "UTF-16", "Shift_JIS", "no-such-thing", "utf-7"):
        data = b'<?xml version="1.0" encoding="%s"?>' % declared.encode()
        data += b"<email><sender>a@b.c</sender><receiver>a@b.c</receiver><title>"
        try:
            message = read(data + text.encode(codec, "ignore") + b"</title></email>")
        except Refused:
            continue
        (message.subject + message.text).encode()


def test_a_missing_sender_or_receiver_is_told() -> None:
    assert refusal(xml(sender="")) == "the e-mail has no sender"
    assert refusal(xml(sender="<sender> </sender>")) == "the e-mail has no sender"
    assert refusal(xml(receivers="")) == "the e-mail has no receiver"
    assert refusal(xml(receivers="<receiver/>")) == "the e-mail has no receiver"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "bob",
            "bob@",
            "@example.org",
            "a b@example.org",
            "a@example.org b@example.org",
            "a@b@c",
        ),
        *("a&#10;Bcc: x@example.org", "a@exa&#13;&#10;mple.org", "&quot;a b&quot;@x.y"),
    ],
)
def test_what_is_no_address_is_told_at_once(address: str) -> None:
    assert "is not an e-mail address" in refusal(xml(receivers=f"<receiver>{address}</receiver>"))
    assert "is not an e-mail address" in refusal(xml(sender=f"<sender>{address}</sender>"))


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<email><sender>&b;</sender></email>"
)


@pytest.mark.parametrize(
    "data",
    [BOMB, b"&" + BOMB, b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + xml()[40:]],
)
def test_document_types_and_entities_are_refused(data: bytes) -> None:
    assert "document type or entities" in refusal(data)


def test_what_is_no_xml_is_refused() -> None:
    for data in (b"", b"\x00\x01", b"hello", b"<", b"<!--", b"<![CDATA[", b"&lt;email&gt;"):
        assert refusal(data)


def test_too_many_receivers_are_refused() -> None:
    receivers = "".join(f"<receiver>{n}@x.y</receiver>" for n in range(RECEIVER_LIMIT + 1))
    assert "receivers" in refusal(xml(receivers=receivers))


PIECES = [
    *("<email>", "<sender>", "</sender>", "a@b.c", "<receiver>", "</receiver>", "<receiverList>"),
    *("<body>", "<![CDATA[", "]]>", "&", "&#0;", "&#xD800;", "&lt;", "<!--", "-->", "<?", "?>"),
    *('"', "'", "<x y='", "=", "/>", "</", ">", "\x00", "\r\n", "</email>", "<!DOCTYPE"),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30))
def test_any_input_gives_a_message_or_a_refusal(pieces: list[str]) -> None:
    try:
        message = read("".join(pieces).encode("utf-8", "surrogatepass"))
    except Refused as refused:
        assert refused.status == 400
    else:
        assert message.sender
        assert message.receivers
        (message.subject + message.text + message.sender_name).encode()


@given(st.binary(max_size=200))
def test_any_bytes_at_all(data: bytes) -> None:
    with pytest.raises(Refused):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        *(b"<a" * 60_000, b"<a>" * 40_000, b"<a b='" * 20_000, b"<a " + b"'\"" * 60_000),
        *(b"<!--" * 30_000, b"&#" * 60_000, b"<a>" + b"</b>" * 30_000, b"<?" * 60_000),
        b"</a" * 40_000,
    ],
    ids=range(9),
)
def test_hostile_nesting_ends_in_a_refusal(data: bytes) -> None:
    assert refusal(data)
