"""What is wrong with a configuration, and on which line of its file."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field

Path = tuple[str, ...]


class ConfigError(Exception):
    """A configuration that cannot be used; `lines` holds one message per problem."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass
class Problems:
    """Collects problems, so that they can all be told at once."""

    found: list[tuple[Path, str]] = field(default_factory=list)

    def add(self, path: Path, message: str) -> None:
        """Note one problem with the value at `path`."""
        self.found.append((path, message))

    def messages(self, file: str, text: str) -> list[str]:
        """One message per problem, each with its file, line and key, in file order."""
        placed = [(line_of(path, text), path, message) for path, message in self.found]
        placed.sort(key=lambda problem: problem[0] or 0)
        return [
            f"{file}{f':{line}' if line else ''}: {dotted(path)}: {message}"
            for line, path, message in placed
        ]


def dotted(path: Path) -> str:
    """A key's path as TOML writes it."""
    plain = (
        part if part.replace("_", "").replace("-", "").isalnum() else f'"{part}"' for part in path
    )
    return ".".join(plain)


def line_of(path: Path, text: str) -> int | None:
    """The line (from 1) on which the value at `path` begins; None if it is not there.

    tomllib tells no positions. But every TOML file that is cut after a complete line's
    value is a TOML file, so the first such cut that holds the key ends with its value,
    and the value begins after the cut before it.
    """
    lines = text.splitlines(keepends=True)
    begin = 1
    for count in range(1, len(lines) + 1):
        try:
            value: object = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        for part in path:
            if not isinstance(value, dict) or part not in value:
                break
            value = value[part]
        else:
            return begin
        begin = count + 1
    return None
