"""Hotspot checks: whose turn which answer is, and the page."""

import pytest

from shutterpost.camera import hotspot
from shutterpost.camera.hotspot import CHECKS, COOKIE, REDIRECT, Taken, Turns
from shutterpost.camera.models import MSN, YAHOO


def test_the_proven_answers() -> None:
    assert hotspot.gld().encode(0.0) == (
        b"HTTP/1.1 200 OK\r\nServer: nginx/notreally\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 0\r\n"
        b'ETag: "deadbeef"\r\nConnection: close\r\n\r\n'
    )


@pytest.mark.parametrize(
    ("host", "location", "body", "domain"),
    [
        ("www.yahoo.co.kr", b"http://yahoo.com", b"YAHOO!", b".yahoo.co.kr"),
        ("www.msn.com", b"http://msn.com", b"MSN", b".msn.com"),
    ],
)
def test_each_hosts_answers_byte_for_byte(
    host: str, location: bytes, body: bytes, domain: bytes
) -> None:
    html = (
        b"<!DOCTYPE html>\n<html><head><title>Redirecting</title></head><body>\n"
        b'<p>Go to <a href="' + location + b'">' + location + b"</a>.</p>\n</body></html>"
    )
    redirect = CHECKS[host].reply(REDIRECT)
    assert (redirect.status, redirect.body) == (302, html)
    assert redirect.fields == (("Location", location.decode()),)
    assert len(redirect.encode(0.0)) < 1400
    cookie = CHECKS[host].reply(COOKIE)
    assert (cookie.status, cookie.body) == (200, body)
    value = f"samsung=hotspot; Domain={domain.decode()}; Path=/"
    assert cookie.fields == (("Set-Cookie", value),)


def test_only_two_hosts_are_checked() -> None:
    assert {host: host for host in CHECKS} == {YAHOO: "www.yahoo.co.kr", MSN: "www.msn.com"}


def answers(turns: Turns, host: str, *times: float, client: str = "a") -> list[str]:
    return [turns.take(client, host, now).answer for now in times]


def test_the_cookie_is_first_and_checks_within_three_seconds_alternate() -> None:
    turns = Turns()
    assert answers(turns, YAHOO, 0, 1, 2.9) == [COOKIE, REDIRECT, COOKIE]
    assert answers(turns, YAHOO, 3, 4, 5.9, 6) == [REDIRECT, COOKIE, REDIRECT, COOKIE]
    assert answers(turns, YAHOO, 1e9) == [REDIRECT]  # no time resets it
    assert answers(turns, YAHOO, 1e9 - 100) == [COOKIE]  # the clock was set back


def test_each_client_and_host_has_its_own_turn() -> None:
    turns = Turns()
    assert answers(turns, YAHOO, 0, 10) == [COOKIE, REDIRECT]
    assert answers(turns, YAHOO, 11, client="b") == [COOKIE]
    assert answers(turns, MSN, 11) == [COOKIE]


def test_how_the_successful_attempt_began_comes_first_from_then_on() -> None:
    turns = Turns()
    assert answers(turns, MSN, 0, 10, 11) == [COOKIE, REDIRECT, COOKIE]
    assert turns.went_on("a", 131) == [(MSN, REDIRECT)]
    assert turns.went_on("a", 132) == []
    assert answers(turns, MSN, 133, 134) == [REDIRECT, COOKIE]
    assert turns.went_on("a", 135) == []  # it is known already
    assert answers(turns, MSN, 136) == [REDIRECT]  # a share has ended the attempt
    assert turns.went_on("b", 137) == []
    again = Turns([("a", MSN, REDIRECT)])
    assert answers(again, MSN, 0, 1) == [REDIRECT, COOKIE]


def test_going_on_too_late_teaches_nothing() -> None:
    turns = Turns()
    answers(turns, MSN, 0)
    assert turns.went_on("a", 120.1) == []
    assert answers(turns, MSN, 122) == [REDIRECT]


@pytest.mark.parametrize("restarted", [True, False])
def test_a_memory_that_no_share_follows_is_forgotten(restarted: bool) -> None:
    turns = Turns([("a", MSN, REDIRECT)])
    if not restarted:
        turns = Turns()
        answers(turns, MSN, 0, 10)
        turns.went_on("a", 11)
    assert turns.take("a", MSN, 20) == Taken(REDIRECT, forgotten=False)
    assert turns.take("a", MSN, 21) == Taken(COOKIE, forgotten=False)
    assert turns.take("a", MSN, 30) == Taken(COOKIE, forgotten=True)
    assert turns.take("a", MSN, 40) == Taken(REDIRECT, forgotten=False)
    assert turns.went_on("a", 41) == [(MSN, REDIRECT)]


@pytest.mark.parametrize("wants", [COOKIE, REDIRECT])
@pytest.mark.parametrize(("checks", "judged"), [(1, 0), (2, 0), (2, 1), (3, 2)])
@pytest.mark.parametrize("restarts", [True, False])
def test_every_kind_of_camera_fails_at_most_once_and_shares_six_times_of_six(
    wants: str, checks: int, judged: int, restarts: bool
) -> None:
    turns = Turns()
    kept: dict[str, str] = {}
    failures, now = 0, 0.0
    for _ in range(6):
        for _ in range(2):  # the person presses "share" again when the browser opens
            now += 60
            taken = [turns.take("a", MSN, now + check / 2) for check in range(checks)]
            if any(each.forgotten for each in taken):
                kept.clear()
            if taken[judged].answer == wants:
                break
            failures += 1
        assert taken[judged].answer == wants
        kept.update(turns.went_on("a", now + 10))
        if restarts:
            turns = Turns([("a", host, answer) for host, answer in kept.items()])
    assert failures <= 1


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
        ("SMART CAMERA WB1102F", "", "Camera: WB1100F<"),
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
    assert len(hotspot.page("<" * 5000, YAHOO).encode(0.0)) < 1400
    assert len(hotspot.oauth_page().encode(0.0)) < 1400
    assert "<" * 3 not in hotspot.page("<" * 5000, "").body.decode()
