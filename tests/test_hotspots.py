"""What hotspot checks teach: with a clock that is told the time, and over restarts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import recording
from tests.test_misuse import House

CAMERA, OTHER = "192.168.1.7", "192.168.1.8"


class Cameras:
    """Cameras that ask every ten seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = House(folder, "")

    def check(self, client: str = CAMERA, host: str = "yahoo") -> int:
        self.house.now += 10
        return self.house.ask(client, recording(f"hotspot-{host}"))

    def share(self, client: str = CAMERA) -> None:
        assert self.house.ask(client, recording("sns-login-nx300")) == 401  # it has gone on

    def restart(self) -> None:
        now = self.house.now
        self.house.spool.close()
        self.house = House(self.folder, "")
        self.house.now = now


@pytest.fixture
def cameras(tmp_path: Path) -> Iterator[Cameras]:
    found = Cameras(tmp_path)
    yield found
    found.house.spool.close()


def test_what_was_followed_by_a_share_comes_first_after_a_restart(cameras: Cameras) -> None:
    assert [cameras.check(), cameras.check()] == [200, 302]
    cameras.share()
    assert cameras.check() == 302
    cameras.restart()
    assert cameras.check() == 302
    assert cameras.check(host="msn") == 200
    assert cameras.check(OTHER) == 200


def test_what_no_share_followed_is_forgotten_over_a_restart_too(cameras: Cameras) -> None:
    cameras.check()
    cameras.check()
    cameras.share()
    cameras.restart()
    assert [cameras.check(), cameras.check()] == [302, 200]
    cameras.restart()
    assert [cameras.check(), cameras.check(), cameras.check()] == [200, 302, 200]


def test_a_share_that_comes_too_late_teaches_nothing(cameras: Cameras) -> None:
    assert cameras.check() == 200
    cameras.house.now += 121
    cameras.share()
    assert cameras.check() == 302
