"""Every camera that was seen, by its address: what it asked, sent, and how it said it.

Kept in memory and written down now and then, because a hotspot check must not cost a write.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shutterpost.camera.models import is_browser, recognise
from shutterpost.clock import Correction
from shutterpost.recent import Recent
from shutterpost.wire.text import writable

LIMIT = 1000
"""The most devices that are remembered; those not seen for longest are forgotten."""
_SAID_LIMIT = 200  # bytes of anything that a device says
_QUIRK_LIMIT = 50


@dataclass(slots=True)
class Device:
    """One address. Times are seconds since 1970, 0 for never."""

    client: str
    first_seen: float
    last_seen: float
    device: str = ""
    """The number that the camera gives itself (DUID)."""
    model: str = ""
    user_agent: str = ""
    last_name: str = ""
    """The name that it asked our DNS for."""
    last_dns: float = 0.0
    last_host: str = ""
    """The host that it checked for a hotspot."""
    last_check: float = 0.0
    last_upload: float = 0.0
    quirks: tuple[str, ...] = ()


class Devices:
    """All devices."""

    def __init__(
        self,
        known: Iterable[Device],
        clock: Callable[[], float],
        changed: Callable[[str, str], None] = lambda client, what: None,
    ) -> None:
        """`changed` is told which device did what: `dns`, `check`, `upload`."""
        self._devices: Recent[str, Device] = Recent(LIMIT)
        self._devices.update((device.client, device) for device in known)
        self._clock = clock
        self._changed = changed
        self._unwritten: Recent[str, None] = Recent(LIMIT)

    def all(self) -> list[Device]:
        """The devices, the latest first."""
        return sorted(self._devices.values(), key=lambda device: -device.last_seen)

    def name_of(self, client: str) -> str:
        """The model of the camera at an address, as far as it ever said; else the address."""
        device = self._devices.get(client)
        if device is None:
            return client
        known = recognise(device.model or device.user_agent)
        return known.name if known else device.model or client

    def asked(self, client: str, name: str) -> None:
        """A device asked our DNS for a camera's name."""
        self._note(client, "dns", last_name=name, last_dns=self._clock())

    def seen(self, client: str, user_agent: str) -> None:
        """A device asked for something; a person's browser is none.

        What it says at a hotspot check tells more.
        """
        if is_browser(user_agent):
            return
        known = self._devices.get(client)
        agent = (known.user_agent if known else "") or user_agent
        self._note(client, "", user_agent=agent)

    def checked(self, client: str, host: str, user_agent: str) -> None:
        """A device checked for a hotspot, or showed the page in its browser."""
        if is_browser(user_agent):
            return
        now = self._clock()
        self._note(client, "check", last_host=host, last_check=now, user_agent=user_agent)

    def uploaded(self, client: str, device: str = "", model: str = "") -> None:
        """A device's photo arrived."""
        said = {name: value for name, value in (("device", device), ("model", model)) if value}
        self._note(client, "upload", last_upload=self._clock(), **said)

    def behaved(self, client: str, quirks: Iterable[str]) -> None:
        """A device's request had these quirks."""
        known = self._devices.get(client)
        new = sorted({*quirks, *(known.quirks if known else ())})[:_QUIRK_LIMIT]
        if known is not None and tuple(new) != known.quirks:
            self._note(client, "", quirks=tuple(new))

    def take_unwritten(self) -> list[Device]:
        """The devices that changed since the last time."""
        changed = (self._devices.get(client) for client in self._unwritten)
        found = [dataclasses.replace(device) for device in changed if device]
        self._unwritten.clear()
        return found

    def on_clock_set(self, correction: Correction) -> None:
        """Correct what was seen under a wrong clock."""
        for device in self._devices.values():
            for name in ("first_seen", "last_seen", "last_dns", "last_check", "last_upload"):
                setattr(device, name, correction.of(getattr(device, name)))

    def _note(self, client: str, what: str, **values: str | float | tuple[str, ...]) -> None:
        now = self._clock()
        device = self._devices.use(client, lambda: Device(client, now, now))
        device.last_seen = now
        for name, value in values.items():
            cut = writable(value, _SAID_LIMIT) if isinstance(value, str) else value
            setattr(device, name, cut)
        self._unwritten[client] = None
        if what:
            self._changed(client, what)
