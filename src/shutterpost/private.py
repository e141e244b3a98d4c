"""Files for their owner alone."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write a file for its owner alone; after a power cut it is whole or not there."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    temporary.rename(file)
