"""Which servers run on this machine, so that a command typed anywhere finds the one it is for.

Each server keeps a small file outside its data folder that says where its data and its
configuration are, and holds a lock on it: the file of a server that was killed has no lock,
and counts for nothing.
"""

import fcntl
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = "shutterpost"


@dataclass(frozen=True, slots=True)
class Running:
    """One server. `config` is its configuration file, if it has one."""

    data: Path
    config: Path | None
    password_is_configured: bool
    """Its page's password is a setting of its own, so `data/password` counts for nothing."""


def enter(server: Running) -> int | None:
    """Be found from now on, until this process ends.

    Returns the descriptor that holds the lock; it is never closed. None where no folder for
    such files can be written: commands then need `--data`.
    """
    folder = _own_folder()
    text = json.dumps(
        {
            "data": str(server.data),
            "config": None if server.config is None else str(server.config.absolute()),
            "password_is_configured": server.password_is_configured,
        }
    )
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        _remove_stale(folder)
        path = folder / f"{os.getpid()}.json"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())
    except OSError:
        return None
    return descriptor


def leave() -> None:
    """The server stops: its file is removed."""
    with suppress(OSError):
        (_own_folder() / f"{os.getpid()}.json").unlink(missing_ok=True)


def running() -> list[Running]:
    """Every server whose file this user may read."""
    found: dict[Path, Running] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.json")) if _is_trusted(folder) else ():
            with suppress(OSError, ValueError, KeyError, TypeError):
                with path.open("rb") as file:
                    if not _is_held(file.fileno()):
                        continue
                    said = json.load(file)
                config = None if said["config"] is None else Path(said["config"])
                data = Path(said["data"])
                if os.access(data.parent, os.X_OK):
                    data.stat()  # raises for one that was removed: no server's any more
                found[data] = Running(data, config, bool(said["password_is_configured"]))
    return list(found.values())


def _own_folder() -> Path:
    """Where this process's file belongs."""
    return _folders()[0]


def _folders() -> list[Path]:
    """Where servers' files may be: this user's own, then the system's."""
    if given := os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        return [Path(given)]  # systemd made it for us
    own = Path(tempfile.gettempdir()) / f"{FOLDER}-{os.getuid()}"
    if session := os.environ.get("XDG_RUNTIME_DIR"):
        own = Path(session) / FOLDER
    elif os.geteuid() == 0 and Path("/run").is_dir():
        return [Path("/run") / FOLDER, own]
    return [own, Path("/run") / FOLDER]


def _is_trusted(folder: Path) -> bool:
    """Whether only this user or the system can have written there, as /tmp is everyone's."""
    try:
        return folder.parent == Path("/run") or folder.stat().st_uid in (0, os.getuid())
    except OSError:
        return False


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _remove_stale(folder: Path) -> None:
    """Remove the files of servers that were killed."""
    for path in folder.glob("*.json"):
        with suppress(OSError):
            with path.open("rb") as file:
                held = _is_held(file.fileno())
            if not held:
                path.unlink()
