"""The same photo or e-mail, sent again: recognised, and what had failed of it is retried.

A camera repeats what it got no answer to, and a person shares again what did not arrive.
In both cases the camera shows "sent", so something has to be on its way: what was
delivered is left alone, what failed or was given up is tried again.
"""

from collections.abc import Sequence
from enum import Enum

from sqlalchemy import ColumnElement, Connection, false, or_

from shutterpost.spool import deliveries
from shutterpost.spool.schema import deliveries as table

WINDOW = 600.0
"""Seconds in which the same content from the same sender is the same photo or e-mail."""


class Arrival(Enum):
    """What an upload turned out to be; the value is what the log says of it."""

    NEW = "new"
    AGAIN = "sent again, nothing made twice"
    RETRIED = "sent again, what had failed is tried again"


def recent(
    received: ColumnElement[float], begun: float, now: float
) -> tuple[ColumnElement[bool], ...]:
    """Whether something was received within the window before an upload that began at `begun`.

    It counts from the upload's first byte, because a long video's retry takes as long as the
    video did. What seems to come from the future was received before the clock was set back.
    """
    return received > min(begun, now) - WINDOW, received < now + WINDOW


def retry(
    connection: Connection, of: ColumnElement[bool], repeatable: Sequence[str], now: float
) -> Arrival:
    """Have deliveries of something that was sent again retried where that is needed.

    `repeatable` are actions that make nothing twice, in any instance: these are done again
    even where they were done, because what they made may be gone.
    """
    unsuccessful = table.c.state.in_((deliveries.FAILED, deliveries.DROPPED))
    retried = deliveries.retry(connection, of & unsuccessful, now)
    same_action = [
        (table.c.action == action) | table.c.action.startswith(f"{action}.", autoescape=True)
        for action in repeatable
    ]
    deliveries.retry(
        connection, of & (table.c.state == deliveries.DONE) & or_(false(), *same_action), now
    )
    return Arrival.RETRIED if retried else Arrival.AGAIN
