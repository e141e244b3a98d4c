"""Addresses beyond ASCII, as mail servers take them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.wire.addresses import UnmailableAddress, mailable


@pytest.mark.parametrize(
    ("typed", "mailed"),
    [
        ("me@example.org", "me@example.org"),
        ("me@MÜLLER.example", "me@xn--mller-kva.example"),
        ("me@straße.de", "me@xn--strae-oqa.de"),  # IDNA 2003 would have made strasse.de of it
        ("me@삼성.한국", "me@xn--cg4bki.xn--3e0b707e"),
        ("jörg@例え.jp", "jörg@xn--r8jz45g.jp"),
        ("a..b@x..y", "a..b@x..y"),  # whether it is wrong is the server's to say
    ],
)
def test_domains(typed: str, mailed: str) -> None:
    assert mailable(typed) == mailed


@pytest.mark.parametrize("domain", ["ü..de", "-ü.de", "ü" * 64, "ü_.de", "\u0300a.de", "a.\u2028"])
def test_domains_that_cannot_be(domain: str) -> None:
    with pytest.raises(UnmailableAddress, match="not valid"):
        mailable(f"me@{domain}")


@given(st.text(max_size=254))
def test_nothing_else_is_raised_and_the_domain_is_ascii(typed: str) -> None:
    try:
        found = mailable(f"me@{typed.rpartition('@')[2]}")
    except UnmailableAddress:
        return
    assert found.isascii()
