"""What comes in as bytes is text from then on, and no byte of a URL is lost."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.wire.text import decoded, url_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("사진 é 😀".encode(), "사진 é 😀"),
        ("사진".encode("euc-kr"), "사진"),
        ("똠방각하".encode("cp949"), "똠방각하"),
        ("Müller, café".encode("latin-1"), "Müller, café"),
        (b"\xed\xa0\x80", "í\xa0\x80"),  # half a surrogate pair
        ("사진과 동영상".encode()[:-1], "사진과 동영\ufffd"),
        ("très éloigné à".encode()[:-1], "très éloigné \ufffd"),
        (b"\xff", "ÿ"),
        (b"", ""),
    ],
)
def test_text_is_utf_8_else_korean_else_latin(data: bytes, text: str) -> None:
    assert decoded(data) == text


@given(st.binary())
def test_any_bytes_become_text_that_can_be_written(data: bytes) -> None:
    decoded(data).encode()
    url_text(data).encode()


@given(st.binary().filter(lambda data: b"%" not in data))
def test_no_byte_of_a_url_is_lost(data: bytes) -> None:
    assert unquote_to_bytes(url_text(data)) == data


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_stays_as_it_is(text: str) -> None:
    assert decoded(text.encode()) == url_text(text.encode()) == text
