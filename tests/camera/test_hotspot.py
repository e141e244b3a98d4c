"""Hotspot checks: whose turn which answer is, and the page."""

import pytest

from shutterpost.camera import hotspot
from shutterpost.camera.hotspot import CHECKS, COOKIE, REDIRECT, Turns
from shutterpost.camera.models import MSN, YAHOO


def test_the_proven_answers() -> None:
    assert hotspot.gld().encode() == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 0\r\n"
        b'ETag: "deadbeef"\r\nServer: nginx/notreally\r\nConnection: close\r\n\r\n'
    )
    redirect = CHECKS[YAHOO].reply(REDIRECT)
    assert (redirect.status, redirect.fields) == (302, (("Location", "http://yahoo.com"),))
    cookie = CHECKS[MSN].reply(COOKIE)
    assert (cookie.status, cookie.body) == (200, b"MSN")
    assert cookie.fields == (("Set-Cookie", "samsung=hotspot; Domain=.msn.com; Path=/"),)


def test_answers_alternate_for_each_client_and_host_by_itself() -> None:
    turns = Turns()
    assert [turns.take("a", YAHOO, n) for n in range(3)] == [REDIRECT, COOKIE, REDIRECT]
    assert turns.take("b", YAHOO, 3) == REDIRECT
    assert turns.take("a", MSN, 4) == REDIRECT
    assert turns.take("a", YAHOO, 1e9) == COOKIE  # no time resets it


def test_what_a_client_went_on_after_comes_first_from_then_on() -> None:
    turns = Turns()
    turns.take("a", MSN, 0)
    turns.take("a", MSN, 10)
    assert turns.went_on("a", 130) == [(MSN, COOKIE)]
    assert turns.went_on("a", 131) == []
    assert [turns.take("a", MSN, n) for n in (200, 201, 202)] == [COOKIE, REDIRECT, COOKIE]
    assert turns.went_on("b", 203) == []
    again = Turns([("a", MSN, COOKIE)])
    assert again.take("a", MSN, 0) == COOKIE


def test_going_on_too_late_teaches_nothing() -> None:
    turns = Turns()
    turns.take("a", MSN, 0)
    assert turns.went_on("a", 121) == []
    assert turns.take("a", MSN, 122) == COOKIE


def test_a_flood_of_clients_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    for number in range(hotspot.CLIENT_LIMIT + 5):
        turns.take(str(number), YAHOO, 0)
    assert len(turns._turns) == hotspot.CLIENT_LIMIT


@pytest.mark.parametrize(
    ("agent", "asked", "known"),
    [
        ("Mozilla/5.0 (Linux; SAMSUNG NX300; ko)", "", "Camera: NX300<"),
        ("something nx mini else", "", "Camera: NX mini<"),
        ("Tizen", YAHOO, "Camera: one of ST200F, DV300F, EX2F, WB850F<"),
        ("curl", "", "Camera: not recognised<"),
        ("<script>alert(1)</script>", "", "&lt;script&gt;"),
    ],
)
def test_the_page_says_which_camera_was_recognised(agent: str, asked: str, known: str) -> None:
    text = hotspot.page(agent, asked).body.decode()
    assert known in text
    assert "<script" not in text
    assert "Connected" in text


def test_the_pages_fit_one_segment() -> None:
    assert len(hotspot.page("<" * 5000, YAHOO).encode()) < 1400
    assert len(hotspot.oauth_page().encode()) < 1400
    assert "<" * 3 not in hotspot.page("<" * 5000, "").body.decode()
