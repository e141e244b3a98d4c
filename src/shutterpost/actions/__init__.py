"""What is done with photos: one file per action.

An action delivers and returns what came of it, or raises one of the errors below. It
knows neither the spool nor the other actions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shutterpost.model import Delivery, Photo


class Note(Protocol):
    """Writes down what an attempt has achieved, for the attempts after it.

    `store` are photos that the `store` action must take as well, whatever comes of this.
    """

    async def __call__(self, progress: dict[str, Any], store: Sequence[Photo] = ()) -> None:
        """On return it is on disk."""
        ...


class DeliveryError(Exception):
    """A delivery that did not succeed; the message is for people."""


class TemporaryError(DeliveryError):
    """Worth trying again, after `retry_after` seconds if the far end said so."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class UnansweredError(TemporaryError):
    """All of it was handed over, and nobody knows what became of it: perhaps it was delivered."""


class PermanentError(DeliveryError):
    """Would fail again in the same way."""


class MisconfiguredError(DeliveryError):
    """Wrong credentials or settings: no delivery of this action can succeed.

    `about` is what was refused if it came with the delivery and not from the settings, a
    camera's address say: others with the same are no further evidence against the settings.
    """

    def __init__(self, why: str, about: str = "") -> None:
        super().__init__(why)
        self.about = about


@dataclass(frozen=True, slots=True)
class Outcome:
    """A delivery's result: a receipt for people."""

    receipt: str


class Action(Protocol):
    """What the couriers need of an action."""

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Deliver, or raise a DeliveryError. Any other exception counts as temporary."""
        ...
