"""A server to measure: started from this checkout, in a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Serving:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    started: float
    """Seconds from the start of the process to the first accepted connection."""

    def memory(self, field: str) -> float:
        """MiB of VmRSS (now) or VmHWM (at most)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


@contextmanager
def serving() -> Iterator[Serving]:
    """Run a server without configuration on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="shutterpost-bench-") as name:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "shutterpost", "serve", "--listen", f"127.0.0.1:{port}"],
            cwd=name,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "SHUTTERPOST_CONFIG": ""},
        )
        try:
            _wait(port)
            yield Serving(process, port, Path(name), time.perf_counter() - begun)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _wait(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return
    raise SystemExit("the server does not start")
