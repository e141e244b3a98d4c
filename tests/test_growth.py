"""Twice the input takes at most twice the time, whatever a stranger makes it of."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import READERS, REPEATED, grows_slowly, pieces

NUMBERS = st.lists(st.integers(0, len(REPEATED) - 1), max_size=3)


@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_the_input_alone(reader: str) -> None:
    slow = [name for name, unit in REPEATED.items() if not grows_slowly(READERS[reader], unit)]
    assert not slow


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(READERS)), NUMBERS, NUMBERS.filter(bool), NUMBERS)
def test_time_grows_with_the_input_alone_in_mixed_shapes(
    reader: str, beginning: list[int], unit: list[int], end: list[int]
) -> None:
    assert grows_slowly(READERS[reader], pieces(unit), pieces(beginning), pieces(end))


def test_what_grows_faster_is_noticed() -> None:
    """The old reader of attributes, which tried every letter of a name as its beginning."""
    attribute = re.compile(rb"([a-z]+)\s*=")
    assert not grows_slowly(attribute.findall, b"a", size=3_000)
    assert grows_slowly(attribute.findall, b"a=", size=3_000)
