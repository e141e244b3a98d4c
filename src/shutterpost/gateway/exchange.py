"""What every part of the dialogue works with: a request with its body, and the house."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from shutterpost.config import Config
from shutterpost.model import caption
from shutterpost.routes import Routes
from shutterpost.spool import Spool
from shutterpost.wire.http import Refused, Request


class Body(Protocol):
    """A request's body as it arrives. Iterating raises Refused if it is cut short."""

    quirks: set[str]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's pieces."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request from the address `client`; `groups` are the variable parts of its path."""

    request: Request
    body: Body
    client: str
    groups: tuple[str, ...] = ()

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises Refused (413) if it is over `limit` bytes."""
        data = b""
        async for piece in self.body:
            data += piece
            if len(data) > limit:
                raise Refused(413, f"the message is over {limit} bytes")
        return data


@dataclass(frozen=True, slots=True)
class House:
    """What the dialogues share. `shipped` is called when something is new in the spool."""

    config: Config
    spool: Spool
    routes: Routes
    clock: Callable[[], float]
    shipped: Callable[[], None]

    def requires_alt_text(self, action: str) -> bool:
        """Whether what goes to this action must have an alt text for every photo."""
        name, _, instance = action.partition(".")
        settings = self.config.mastodon.get(instance) if name == "mastodon" else None
        return settings is not None and settings.alt_text == "require"


def check_alt_texts(typed: str, photos: int) -> None:
    """Refuse (400) a text whose first `photos` alt texts are not all there.

    The words are the reference server's (proven).
    """
    alt_texts = caption(typed).alt_texts
    if not any(alt_texts):
        raise Refused(400, "No alt-text")
    if len(alt_texts) < photos or not all(alt_texts[:photos]):
        raise Refused(400, "Not enough alt-text")
