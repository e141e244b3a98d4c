"""Failed logins."""

from shutterpost.limits import CLIENT_LIMIT, Tries


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
