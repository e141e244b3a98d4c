"""The page inside the test, for what a real server cannot show from loopback."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from shutterpost.config import Config, load
from shutterpost.couriers import Couriers, Patience
from shutterpost.devices import Devices
from shutterpost.live import Live
from shutterpost.metrics import Metrics
from shutterpost.model import Planned
from shutterpost.page_password import PagePassword
from shutterpost.spool import Draft, Spool
from shutterpost.web.app import application
from shutterpost.web.house import House
from tests.web.visitor import hidden

PASSWORD = "a-good-password"


class Opened:
    """A page on a spool of its own."""

    def __init__(self, folder: Path, web: str) -> None:
        path = folder / "config.toml"
        path.write_text(f'[web]\npassword = "{PASSWORD}"\n{web}\n')
        self.config: Config = load(path, {})
        self.now = time.time()
        self.spool = Spool(self.config.storage.data)
        self.spool.open()
        self.devices = Devices([], self._clock)
        patience = Patience(10.0, 1000.0)
        self.house = House(
            config=self.config,
            spool=self.spool,
            metrics=Metrics(),
            live=Live(),
            devices=self.devices,
            couriers=Couriers(self.spool, {}, patience, self._clock, lambda delivery, result: None),
            camera_port=8080,
            clock=self._clock,
            steady=self._clock,
        )
        self.app = application(self.house, PagePassword(self.config), asyncio.Event())

    def _clock(self) -> float:
        return self.now

    def visitor(self, address: str = "192.168.1.7") -> TestClient:
        """Somebody at an address."""
        return TestClient(
            self.app, "http://127.0.0.1:8081", client=(address, 4711), follow_redirects=False
        )

    def owner(self) -> TestClient:
        """Somebody who is logged in."""
        client = self.visitor()
        visit = hidden(client.get("/login").text, "visit")
        answer = client.post("/login", data={"password": PASSWORD, "visit": visit})
        assert answer.status_code == 303
        return client

    def add(self, data: bytes, name: str = "A.JPG", kind: str = "image/jpeg", **values: str) -> int:
        """A photo that is there and goes nowhere; returns its shipment's id."""
        incoming = self.spool.files.receive()
        incoming.write(data)
        photos = ((name, kind, incoming.keep()),)
        text = values.get("text", "")
        draft = Draft(self.now, "a@b.c", "", ("d@e.f",), "", text, photos)
        shipment, _ = asyncio.run(self.spool.commit(draft, [Planned("email", ("d@e.f",), None)]))
        return shipment


@contextmanager
def opened(folder: Path, web: str = "") -> Iterator[Opened]:
    """Open with more settings of [web], and close in the end."""
    house = Opened(folder, web)
    try:
        yield house
    finally:
        house.spool.close()
