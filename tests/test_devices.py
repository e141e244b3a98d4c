"""Which cameras were seen, and what happens right now."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from shutterpost.devices import LIMIT, Device, Devices
from shutterpost.live import LISTENER_LIMIT, Event, Live
from shutterpost.spool import Spool
from shutterpost.spool.seen import seen, write_seen


def test_a_device_is_what_it_did() -> None:
    told: list[tuple[str, str]] = []
    now = 5.0
    devices = Devices([], lambda: now, lambda client, what: told.append((client, what)))
    assert devices.name_of("192.168.1.5") == "192.168.1.5"
    devices.seen("192.168.1.5", "sdeClient")
    devices.asked("192.168.1.5", "www.msn.com")
    devices.checked("192.168.1.5", "www.msn.com", "Mozilla/5.0 (SAMSUNG NX300)" + "x" * 1000)
    devices.seen("192.168.1.5", "sdeClient")  # says less than the check before
    assert devices.name_of("192.168.1.5") == "NX300"
    now = 6.0
    devices.uploaded("192.168.1.5", device="123", model="NX30")
    devices.behaved("192.168.1.5", ["bare-lf"])
    devices.behaved("192.168.1.6", ["bare-lf"])  # never noted: nothing to add it to
    [device] = devices.all()
    assert (device.first_seen, device.last_seen) == (5.0, 6.0)
    assert (device.last_dns, device.last_check, device.last_upload) == (5.0, 5.0, 6.0)
    assert (device.device, device.last_name, device.quirks) == ("123", "www.msn.com", ("bare-lf",))
    assert len(device.user_agent) == 200
    assert devices.name_of("192.168.1.5") == "NX30"
    assert told == [("192.168.1.5", what) for what in ("dns", "check", "upload")]


def test_devices_are_written_down_and_only_so_many(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    try:
        now = 0.0
        devices = Devices([], lambda: now)
        for number in range(LIMIT + 5):
            now += 1
            devices.uploaded(f"10.0.{number // 256}.{number % 256}", device=str(number))
        old = [Device(f"192.168.0.{number}", 0.5, 0.5) for number in range(5)]
        for changed in (old, devices.take_unwritten()):
            asyncio.run(spool.database.write(partial(write_seen, changed=changed)))
        assert devices.take_unwritten() == []
        again = Devices(spool.database.read_now(seen), lambda: now)
        assert again.all() == devices.all()
        assert len(again.all()) == LIMIT
        assert again.all()[0].device == str(LIMIT + 4)
    finally:
        spool.close()


def test_who_listens_hears_what_is_on_the_wire_already() -> None:
    live = Live()
    with live.upload("NX300", 1000) as upload:
        upload.arrived(400, "SAM_0001.JPG")
        with live.listen() as heard:
            assert heard.get_nowait() == Event(
                "sending",
                {
                    "upload": 1,
                    "camera": "NX300",
                    "name": "SAM_0001.JPG",
                    "bytes": 400,
                    "total": 1000,
                },
            )
            live.shipment(7)
            assert heard.get_nowait() == Event("shipment", {"id": 7})
    live.shipment(8)
    assert heard.empty()


def test_a_slow_listener_misses_events_and_one_too_many_is_refused() -> None:
    live = Live()
    listening = [live.listen() for _ in range(LISTENER_LIMIT)]
    queues = [each.__enter__() for each in listening]
    with pytest.raises(OverflowError), live.listen():
        pass
    for number in range(1000):
        live.shipment(number)
    assert all(queue.full() for queue in queues)
    listening[0].__exit__(None, None, None)
    with live.listen() as heard:
        assert heard.empty()


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (Linux; Android 15; SAMSUNG SM-S918B) AppleWebKit/537.36 SamsungBrowser/28",
        "Shutterpost-check",
    ],
)
def test_browsers_phones_and_check_are_no_cameras(agent: str) -> None:
    devices = Devices([], lambda: 100.0)
    devices.seen("192.168.1.9", agent)
    devices.checked("192.168.1.9", "www.yahoo.co.kr", agent)
    assert devices.all() == []


@pytest.mark.parametrize(
    "agent", ["", "sdeClient", "Mozilla/4.0 (compatible; MSIE 6.0)", "Mozilla/5.0 (SAMSUNG NX300)"]
)
def test_what_cameras_call_themselves(agent: str) -> None:
    devices = Devices([], lambda: 100.0)
    devices.checked("192.168.1.9", "www.yahoo.co.kr", agent)
    assert [device.client for device in devices.all()] == ["192.168.1.9"]
