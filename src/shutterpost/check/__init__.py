"""`shutterpost check`: tries for real what the configuration promises.

Each check yields results; a FAIL ends with the one thing to do next.
"""

from collections.abc import Iterator

from shutterpost.check.local import local_checks
from shutterpost.check.network import network_checks
from shutterpost.check.result import FAIL, OK, WARN, Result
from shutterpost.config import Config

__all__ = ["FAIL", "OK", "WARN", "Result", "checks"]


def checks(config: Config, offline: bool, resolver: str = "") -> Iterator[Result]:
    """Everything that can be tried; without the network if `offline`.

    `resolver` is the address of a resolver that cameras use, if it is to be asked.
    """
    yield from local_checks(config)
    yield from network_checks(config, offline, resolver)
