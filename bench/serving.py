"""The servers that are measured, each in a process and a folder of its own."""

import os
import shutil
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

ROOT = Path(__file__).parents[1]
SPOOL_ONLY = '[actions]\nfacebook = "drop"\n"*@example.org" = "drop"\n'
"""A configuration with which nothing is left to do once a photo is in the spool."""


@dataclass(frozen=True)
class Process:
    """A running server."""

    pid: int
    port: int
    folder: Path
    started: float = 0.0
    """Seconds from the start of the process to the first answer."""

    def memory(self, field: str) -> float:
        """MiB of VmRSS (now) or VmHWM (at most)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="shutterpost-bench-") as name:
        yield Path(name)


@contextmanager
def shutterpost(config: str = "", *arguments: str, where: Path | None = None) -> Iterator[Process]:
    """Our server, with everything but its camera door off unless the arguments say more."""
    with folder() as own:
        path = (where or own) / "config.toml"
        path.write_text(config)
        port = free_port()
        command = [sys.executable, "-m", "shutterpost", "serve", "-c", str(path)]
        command += ["--listen", f"127.0.0.1:{port}", *(arguments or ("--web", "off"))]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SHUTTERPOST_")}
        with running(command, port, path.parent, environ) as process:
            yield process


@contextmanager
def bare() -> Iterator[Process]:
    """The bare copy: from a socket to a file, with SHA-256 and the same fsyncs."""
    with folder() as own:
        port = free_port()
        command = [sys.executable, "-m", "bench.bare", str(port), str(own)]
        with running(command, port, own, dict(os.environ)) as process:
            yield process


@contextmanager
def nginx() -> Iterator[Process]:
    """Nginx with WebDAV; it has no fsync for what is put. GET answers a small file."""
    with folder() as own:
        port = free_port()
        (own / "files").mkdir()
        (own / "files" / "index.html").write_text("<html><body>connected</body></html>\n")
        (own / "nginx.conf").write_text(_NGINX.format(folder=own, port=port))
        if os.geteuid() == 0:  # its workers are another user then
            for path in (own, own / "files"):
                path.chmod(0o777)
        command = [_find_nginx(), "-p", str(own), "-c", str(own / "nginx.conf")]
        with running(command, port, own, dict(os.environ)) as process:
            yield process


_NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes auto;
events {{ worker_connections 2048; }}
http {{
    access_log off; keepalive_timeout 0; client_max_body_size 0; sendfile on;
    client_body_temp_path {folder}/files/.incoming; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        root {folder}/files;
        location / {{ dav_methods PUT; }}
    }}
}}
"""


def _find_nginx() -> str:
    """Nginx from the path, or Debian's package unpacked below build/: nothing is installed."""
    own = ROOT / "build" / "nginx"
    if found := shutil.which("nginx") or shutil.which("nginx", path=own / "usr" / "sbin"):
        return found
    own.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "-q", "nginx"], cwd=own, check=True)
        [package] = own.glob("nginx_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(own)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"bench needs nginx, and cannot get it: {error}") from None
    return str(own / "usr" / "sbin" / "nginx")


@contextmanager
def running(
    command: list[str], port: int, where: Path, environ: dict[str, str]
) -> Iterator[Process]:
    """A process that answers on a port; it is stopped in the end."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=where if "bench.bare" not in command else ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
    )
    try:
        _wait(port, process)
        yield Process(process.pid, port, where, time.perf_counter() - begun)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Ask until there is an answer."""
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 20) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if sock.recv(1):
                    return
        except ConnectionError:
            time.sleep(0.002)
    raise SystemExit(f"{process.args!r} does not start")
