"""Points at which a test has the process killed, as a power cut would.

Nothing happens unless SHUTTERPOST_TEST_KILL_AT names a point; `name:3` is its third time.
"""

import os
import signal

POINTS = (
    "first byte",
    "half written",
    "written",
    "fsynced",
    "renamed",
    "folder fsynced",
    "before commit",
    "committed",
    "replied",
    "claimed",
    "delivering",
    "delivered",
    "finished",
)
"""Every step between the first byte and the receipt, in order."""

_name, _, _number = os.environ.get("SHUTTERPOST_TEST_KILL_AT", "").partition(":")
_countdown = int(_number or 1)


def point(name: str) -> None:
    """This is one of `POINTS`."""
    global _countdown  # noqa: PLW0603 (there is one process to kill)
    if name == _name:
        _countdown -= 1
        if _countdown == 0:
            os.kill(os.getpid(), signal.SIGKILL)
