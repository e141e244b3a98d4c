"""SMTP replies, however they are cut and whatever they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.wire.smtp import REPLY_LIMIT, Reply, ReplyReader, ReplyTooLong


def read(*pieces: bytes) -> list[Reply]:
    reader, found = ReplyReader(), []
    for piece in pieces:
        reader.feed(piece)
        while reply := reader.reply():
            found.append(reply)
    return found


def test_replies_of_one_and_of_several_lines() -> None:
    raw = b"220 mx ready\r\n250-hi\r\n250-SIZE 1\r\n250 HELP\r\n354\r\n250\n"
    assert read(raw) == [
        Reply(220, ("mx ready",)),
        Reply(250, ("hi", "SIZE 1", "HELP")),
        Reply(354, ("",)),
        Reply(250, ("",)),
    ]


@pytest.mark.parametrize("line", [b"hello", b"25", b"", b"\xff\xfe\xfd x", b"25\xc2\xb2 x"])
def test_a_line_without_a_code_is_a_reply_without_a_code(line: bytes) -> None:
    [reply] = read(line + b"\r\n")
    assert reply.code == -1
    assert reply.is_temporary
    assert not reply.is_answer


LINES = st.lists(
    st.tuples(st.integers(100, 999), st.sampled_from("- "), st.text(max_size=20)), max_size=8
).map(lambda lines: "".join(f"{a}{b}{c}\r\n" for a, b, c in lines).encode("utf-8", "replace"))


@given(LINES | st.binary(max_size=200), st.data())
def test_it_is_the_same_however_it_is_cut(raw: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert read(*pieces) == read(raw)


@pytest.mark.parametrize("piece", [b"250-x\r\n", b"x", b"250-" + b"y" * 1000 + b"\r\n"])
def test_a_reply_has_a_bound(piece: bytes) -> None:
    reader, size = ReplyReader(), 0
    with pytest.raises(ReplyTooLong):
        while size <= 2 * REPLY_LIMIT:
            reader.feed(piece)
            size += len(piece)
            assert reader.reply() is None
    assert REPLY_LIMIT < size < REPLY_LIMIT + 2 * len(piece)


def test_many_replies_have_no_bound() -> None:
    reader = ReplyReader()
    for _ in range(3 * REPLY_LIMIT // 10):
        reader.feed(b"250 fine\r\n")
        assert reader.reply() == Reply(250, ("fine",))


@pytest.mark.parametrize(
    ("reply", "enhanced"),
    [
        ("550 5.7.60 no", "5.7.60"),
        ("554 5.2.252 SendAsDenied", "5.2.252"),
        ("550 no 5.7.60", ""),
        ("550 15.7.60", ""),
        ("550 5.7.6000", ""),
        ("550 3.7.1", ""),
    ],
)
def test_enhanced_codes(reply: str, enhanced: str) -> None:
    [found] = read(reply.encode() + b"\r\n")
    assert found.enhanced == enhanced
    assert found.blames_settings is bool(enhanced)
