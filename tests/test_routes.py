"""Where e-mails go."""

import pytest

from shutterpost.config.settings import ActionName
from shutterpost.model import Planned
from shutterpost.routes import Routes

ACTIONS = {
    "drop@example.org": ActionName("drop"),
    "*@album.example.org": ActionName("store", "album"),
    "me@album.example.org": ActionName("email"),
    "masto@example.org": ActionName("mastodon", "pub"),
}


def test_without_an_entry_an_e_mail_is_mailed_once_to_all() -> None:
    assert Routes({}, True).email(["a@b.c", "d@e.f"], 3) == [
        Planned("email", ("a@b.c", "d@e.f"), None)
    ]


def test_without_an_smtp_server_it_is_stored() -> None:
    assert Routes({}, False).email(["a@b.c"], 2) == [
        Planned("store", ("a@b.c",), 0),
        Planned("store", ("a@b.c",), 1),
    ]


def test_recipients_with_the_same_action_share_a_delivery() -> None:
    to = ["X@Album.example.org", "Drop@Example.org", "me@album.example.org", "y@album.example.org"]
    assert Routes(ACTIONS, True).email([*to, "masto@example.org"], 1) == [
        Planned("store.album", ("X@Album.example.org", "y@album.example.org"), 0),
        Planned("drop", ("Drop@Example.org",), 0),
        Planned("email", ("me@album.example.org",), None),
        Planned("mastodon.pub", ("masto@example.org",), None),
    ]


@pytest.mark.parametrize("site", ["facebook", "youtube"])
def test_a_site_that_is_mailed_is_stored_without_an_smtp_server(site: str) -> None:
    actions = {site: ActionName("email")}
    assert Routes(actions, False, "me@x.y").site(site) == Planned("store", (site,), 0)
    assert Routes(actions, True, "me@x.y").site(site) == Planned("email", ("me@x.y",), None)


def test_an_address_that_is_mailed_is_stored_without_an_smtp_server() -> None:
    assert Routes(ACTIONS, False).email(["me@album.example.org"], 1) == [
        Planned("store", ("me@album.example.org",), 0)
    ]
