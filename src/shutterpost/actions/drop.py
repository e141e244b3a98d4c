"""`drop`: nothing is done. For addresses that only silence a camera."""

from shutterpost.actions import Note, Outcome
from shutterpost.model import Delivery


class Drop:
    """Takes everything, keeps nothing."""

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Succeed at once."""
        return Outcome("dropped, as configured")
