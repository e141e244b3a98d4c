"""Twice the input takes at most twice the time, whatever a stranger makes it of."""

import re

import pytest

from tests.growth import READERS, REPEATED, grows_slowly


@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_the_input_alone(reader: str) -> None:
    slow = [name for name, unit in REPEATED.items() if not grows_slowly(READERS[reader], unit)]
    assert not slow


def test_what_grows_faster_is_noticed() -> None:
    """The old reader of attributes, which tried every letter of a name as its beginning."""
    attribute = re.compile(rb"([a-z]+)\s*=")
    assert not grows_slowly(attribute.findall, b"a", size=3_000)
    assert grows_slowly(attribute.findall, b"a=", size=3_000)
