"""Hosts of our own: network namespaces with a cable between them. Needs root."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import need, need_root


@dataclass(frozen=True)
class Host:
    """A host with its address."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """A command line that runs there."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str) -> str:
        """Run a command there and return what it says."""
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr


@contextmanager
def two_hosts(prefix: str, addresses: Sequence[str]) -> Iterator[tuple[Host, Host]]:
    """Two hosts on one cable."""
    need_root()
    need("ip", "install iproute2")
    hosts = [Host(f"{prefix}{n}", address) for n, address in enumerate(addresses)]
    _ip("link", "add", f"{prefix}v0", "type", "veth", "peer", "name", f"{prefix}v1")
    try:
        for number, host in enumerate(hosts):
            _ip("netns", "add", host.name)
            folder = Path("/etc/netns") / host.name  # stands for /etc within the namespace
            folder.mkdir(parents=True)
            (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1\n")
            _ip("link", "set", f"{prefix}v{number}", "netns", host.name)
            host.run("ip", "address", "add", f"{host.address}/24", "dev", f"{prefix}v{number}")
            host.run("ip", "link", "set", f"{prefix}v{number}", "up")
            host.run("ip", "link", "set", "lo", "up")
            host.run("ip", "route", "add", "default", "dev", f"{prefix}v{number}")
        yield hosts[0], hosts[1]
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "delete", host.name], check=False, capture_output=True)
            shutil.rmtree(Path("/etc/netns") / host.name, ignore_errors=True)
        subprocess.run(["ip", "link", "delete", f"{prefix}v0"], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
