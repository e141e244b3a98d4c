"""What a server says it takes: anything is read, and never makes a delivery impossible."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shutterpost.actions.instance import Limits, limits

NAMES = st.sampled_from(
    [
        *("configuration", "statuses", "media_attachments", "max_characters"),
        *("max_media_attachments", "description_limit", "supported_mime_types"),
        *("characters_reserved_per_url", "max_toot_chars"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=9),
    max_leaves=30,
)


@given(ANYTHING)
def test_whatever_it_says_there_are_limits(found: Any) -> None:
    read = limits(found)
    for number in (read.characters, read.media, read.description, read.url):
        assert type(number) is int
        assert 0 < number <= 10_000_000
    assert all(isinstance(name, str) for name in read.types)


def test_what_mastodon_says() -> None:
    found = {
        "configuration": {
            "statuses": {
                "max_characters": 600,
                "max_media_attachments": 5,
                "characters_reserved_per_url": 25,
            },
            "media_attachments": {
                "description_limit": 1000,
                "supported_mime_types": ["image/jpeg", "VIDEO/MP4", None, 7],
            },
        }
    }
    assert limits(found) == Limits(600, 5, 1000, 25, frozenset(("image/jpeg", "video/mp4")))


def test_what_pleroma_says() -> None:
    found = {"max_toot_chars": "5000", "max_media_attachments": 1000, "description_limit": 700}
    assert limits(found) == Limits(5000, 1000, 700)


@pytest.mark.parametrize("number", [None, 0, -1, True, 1e9, "many", "²", 10**30, [], {}])
def test_a_number_that_makes_no_sense_is_the_usual_one(number: object) -> None:
    statuses = {"max_characters": number, "max_media_attachments": number}
    assert limits({"configuration": {"statuses": statuses}}) == Limits()


def test_unknown_files_are_the_servers_to_look_at() -> None:
    said = Limits(types=frozenset(("image/jpeg",)))
    assert said.takes("image/jpeg")
    assert said.takes("application/octet-stream")
    assert not said.takes("video/mp4")
    assert Limits().takes("video/mp4")
