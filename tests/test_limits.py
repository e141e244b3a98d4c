"""Failed logins."""

from shutterpost.limits import CLIENT_LIMIT, Hourly, Tries, origin
from shutterpost.recent import Recent


def test_ten_failures_in_a_minute_shut_a_client_out_for_five_minutes() -> None:
    tries = Tries()
    for now in range(9):
        tries.failed("a", now)
        assert not tries.is_shut_out("a", now)
    tries.failed("a", 9)
    assert tries.is_shut_out("a", 9)
    assert tries.is_shut_out("a", 308)
    assert not tries.is_shut_out("a", 309)
    assert not tries.is_shut_out("b", 10)


def test_ten_failures_over_a_longer_time_do_not() -> None:
    tries = Tries()
    for number in range(30):
        tries.failed("a", number * 7)
        assert not tries.is_shut_out("a", number * 7)


def test_a_flood_of_clients_is_forgotten() -> None:
    tries = Tries(limit=1)
    for number in range(CLIENT_LIMIT + 5):
        tries.failed(str(number), 0.0)
    assert len(tries._shut_out) == CLIENT_LIMIT


def test_clients_that_are_refused_are_forgotten_too() -> None:
    """With nothing allowed, each of them was remembered for ever."""
    for limit, amount in ((0, 1), (5, 6), (5, 0)):
        hourly = Hourly(limit)
        for number in range(CLIENT_LIMIT + 5):
            hourly.take(str(number), amount, 0.0)
        assert len(hourly._done) <= CLIENT_LIMIT
    for _ in range(100):
        assert hourly.take("nobody mailed", 0, 0.0)
    assert hourly._done.get("nobody mailed") is None


def test_the_one_not_used_for_longest_is_forgotten() -> None:
    recent: Recent[str, int] = Recent(3)
    for number, name in enumerate("abc"):
        recent[name] = number
    assert recent.use("a", lambda: 9) == 0
    recent["d"] = 3
    assert list(recent) == ["c", "a", "d"]
    recent["c"] = 5
    assert recent.use("e", lambda: 7) == 7
    assert list(recent.items()) == [("d", 3), ("c", 5), ("e", 7)]


def test_a_public_ipv6_network_is_one_client() -> None:
    one, other = "2001:db9:1:2::5", "2001:db9:1:2:ffff::1"
    assert origin(one) == origin(other) == "2001:db9:1:2::/64"
    for address in ("192.168.1.5", "203.0.113.5", "fe80::1", "fd00::1", "::1", "testclient"):
        assert origin(address) == address
    hourly, tries = Hourly(1), Tries(limit=1)
    assert hourly.take(one, 1, 0.0)
    assert not hourly.take(other, 1, 0.0)
    tries.failed(one, 0.0)
    assert tries.is_shut_out(other, 1.0)
    tries.succeeded(other)
    assert not tries.is_shut_out(one, 1.0)
