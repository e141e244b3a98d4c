"""An action that cannot work as it is configured: what goes to it waits for the owner.

Only the configuration of samsung-nx-emailservice may have one, as that server starts with it too.
"""

from shutterpost.actions import MisconfiguredError, Note, Outcome
from shutterpost.model import Delivery


class Unusable:
    """Takes nothing, and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Raises MisconfiguredError."""
        raise MisconfiguredError(self._why)
