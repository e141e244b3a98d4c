"""Fixtures: a real server process, a real SMTP server."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import HealthCheck, settings

from tests.far_ends import FakeMastodon, fake_mastodon
from tests.support import DEADLINE, Answer, ask, eventually

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200
)
settings.load_profile("default")


class Server:
    """A `shutterpost serve` in a process of its own."""

    def __init__(self, folder: Path, config: str, arguments: tuple[str, ...]) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.log = folder / "log"
        self._arguments = arguments
        if config:
            self.config.write_text(config)
        self.port = 0
        self.page = 0
        self.start()

    @property
    def photos(self) -> Path:
        return self.folder / "data" / "photos"

    @property
    def output(self) -> str:
        return self.log.read_text()

    def start(self, port: int = 0, **environ: str) -> None:
        """Start (again); returns once cameras can connect."""
        command = [sys.executable, "-m", "shutterpost", "serve"]
        command += ["--listen", f"127.0.0.1:{port}", "--web", "127.0.0.1:0"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SHUTTERPOST_")}
        environment.pop("CONFIG", None)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *self._arguments],
                cwd=self.folder,
                env={**environment, **environ},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.port = eventually(lambda: self._listening("cameras:"))
        self.page = eventually(lambda: self._listening("page:"))

    def _listening(self, what: str) -> int:
        alive = self.process.poll() is None
        for line in self.output.splitlines(keepends=True):
            if line.startswith(what) and line.endswith("\n"):
                return int(re.split("[,/]", line.split("http://127.0.0.1:")[1])[0])
        assert alive, self.output  # one that was killed after it had said so did start
        return 0

    def ask(self, data: bytes, close_sending: bool = False) -> Answer:
        return ask(self.port, data, close_sending)

    def stored(self) -> dict[str, bytes]:
        """The files in the photos folder, by their path below it."""
        return {
            str(path.relative_to(self.photos)): path.read_bytes()
            for path in self.photos.rglob("[!.]*")
            if path.is_file()
        }

    def spooled(self) -> list[Path]:
        """The files in the spool."""
        return [path for path in (self.folder / "data" / "spool").rglob("*") if path.is_file()]

    def memory(self, field: str) -> int:
        """A figure of the process's memory in MiB: VmRSS now, VmHWM at its highest."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(field))
        return int(line.split()[1]) // 1024

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


StartServer = Callable[..., Server]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers, each in a folder of its own, and stop them in the end."""
    started: list[Server] = []

    def start(config: str = "", *arguments: str) -> Server:
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        server = Server(folder, config, arguments)
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def server(start_server: StartServer) -> Server:
    """A server without any configuration."""
    return start_server()


@dataclass(frozen=True)
class Received:
    """One mail as the SMTP server got it."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


class Inbox:
    """The handler of a real SMTP server: keeps mails, and refuses what it is told to."""

    def __init__(self) -> None:
        self.mails: list[Received] = []
        self.refuse: dict[str, str] = {}
        self.refuse_senders: dict[str, str] = {}
        self.refuse_data: list[str] = []
        self.on_mail: Callable[[], object] = lambda: None
        self.answers: list[str | None] = []
        """What is said to the next mails, each of which is kept: None ends the connection."""
        self.hold = threading.Event()
        """While it is clear, mails are kept and not answered."""
        self.hold.set()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse_senders:
            return self.refuse_senders[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse_data:
            return self.refuse_data.pop(0)
        assert isinstance(envelope.content, bytes)
        assert envelope.mail_from is not None
        self.mails.append(Received(envelope.mail_from, envelope.rcpt_tos, envelope.content))
        self.on_mail()
        await asyncio.to_thread(self.hold.wait, DEADLINE)
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer is None:
            assert server.transport is not None
            server.transport.close()
        return answer or "421 gone"


@pytest.fixture(scope="session", autouse=True)
def _own_runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Commands find no server but those of these tests."""
    os.environ["RUNTIME_DIRECTORY"] = str(tmp_path_factory.mktemp("run"))


@dataclass
class Smarthost:
    """A running SMTP server."""

    inbox: Inbox
    port: int
    start: Callable[..., int]
    stop: Callable[[], None]

    @property
    def config(self) -> str:
        return f'[email]\nhost = "127.0.0.1"\nport = {self.port}\nsecurity = "none"\n'


@pytest.fixture
def smarthost() -> Iterator[Smarthost]:
    """A real SMTP server on loopback; `stop` and `start` make it come and go."""
    yield from running_smarthost(Inbox())


def running_smarthost(inbox: Inbox) -> Iterator[Smarthost]:
    """Run an SMTP server while the caller goes on."""
    controllers: list[Controller] = []

    def start(port: int = 0, **options: Any) -> int:
        controller = Controller(inbox, hostname="127.0.0.1", port=port or _free_port(), **options)
        controller.start()
        controllers.append(controller)
        return int(controller.port)

    def stop() -> None:
        while controllers:
            controllers.pop().stop()

    smarthost = Smarthost(inbox, start(), start, stop)
    yield smarthost
    stop()


def _free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def mastodon() -> Iterator[FakeMastodon]:
    """A Mastodon on loopback."""
    yield from fake_mastodon()
