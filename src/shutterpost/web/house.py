"""What the page works with."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from shutterpost.config import Config
from shutterpost.couriers import Couriers
from shutterpost.devices import Devices
from shutterpost.live import Live
from shutterpost.metrics import Metrics
from shutterpost.spool import Spool


@dataclass(frozen=True, slots=True)
class House:
    """The parts of the server that the page shows and changes."""

    config: Config
    spool: Spool
    metrics: Metrics
    live: Live
    devices: Devices
    couriers: Couriers
    camera_port: int
    clock: Callable[[], float]
    steady: Callable[[], float] = time.monotonic
    """Seconds since whenever, for limits: nobody sets it."""
