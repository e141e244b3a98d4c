"""What is sent, from whom, with which words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Shot:
    """The files of one press of "share"."""

    files: Sequence[Path]
    sender: str
    recipients: Sequence[str] = ()
    text: str = ""
    password: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files. Raises OSError for one that cannot be read."""
        return sum(path.stat().st_size for path in self.files)


def pieces(path: Path) -> Iterator[bytes]:
    """A file's content."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
