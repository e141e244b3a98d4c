"""Commands find the server that they are for, wherever they are typed."""

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import Server, StartServer
from tests.support import eventually, recording
from tests.test_cli import run
from tests.web.visitor import password_of


@pytest.fixture(autouse=True)
def _own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of other programs on this machine are not found by these tests."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_password_and_queue_find_the_running_server(
    start_server: StartServer, elsewhere: Path
) -> None:
    server = start_server("", "--data", "another")
    data = server.folder / "another"
    assert server.ask(recording("email-nx300")).status == 200
    known = (data / "password").read_text().strip()
    assert run("password", cwd=elsewhere).stdout == known + "\n"
    assert '"action": "store"' in run("queue", "--json", cwd=elsewhere).stdout
    assert f"data: {data}:" in run("check", "--offline", cwd=elsewhere).stdout
    assert list(elsewhere.iterdir()) == []


def test_a_server_that_was_killed_is_not_found(start_server: StartServer, elsewhere: Path) -> None:
    server = start_server("", "--data", "another")
    server.kill()
    result = run("password", cwd=elsewhere)
    assert result.returncode == 1
    assert "is no server's data folder" in result.stderr
    assert result.stdout == ""
    assert list(elsewhere.iterdir()) == []
    server.start()
    assert run("password", cwd=elsewhere).returncode == 0
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert run("password", cwd=elsewhere).returncode == 1


def test_two_servers_have_to_be_told_apart(start_server: StartServer, elsewhere: Path) -> None:
    one, two = start_server("", "--data", "a"), start_server("", "--data", "b")
    both = run("queue", cwd=elsewhere)
    assert both.returncode == 2
    assert str(one.folder / "a") in both.stderr
    assert str(two.folder / "b") in both.stderr
    for server, name in ((one, "a"), (two, "b")):
        data = server.folder / name
        known = (data / "password").read_text()
        assert run("password", "--data", str(data), cwd=elsewhere).stdout == known
        named = run("password", cwd=elsewhere, environ={"SHUTTERPOST_DATA": str(data)})
        assert named.stdout == known


def test_a_configuration_finds_the_data_of_its_own_server(
    start_server: StartServer, elsewhere: Path
) -> None:
    """As the service: its configuration is in /etc, its data in /var/lib by an option."""
    server = start_server('senders = ["*"]\n', "--data", "another")
    start_server("", "--data", "b")
    known = (server.folder / "another" / "password").read_text()
    assert run("password", "-c", str(server.config), cwd=elsewhere).stdout == known
    assert run("password", cwd=server.folder).stdout == known
    assert not (server.folder / "data").exists()


def test_the_data_folder_beside_the_configuration_counts_first(
    server: Server, start_server: StartServer
) -> None:
    start_server("", "--data", "b")
    assert run("password", cwd=server.folder).stdout == password_of(server) + "\n"


def test_a_password_from_the_environment_is_not_answered_with_another(
    start_server: StartServer, elsewhere: Path
) -> None:
    server = start_server("", "--data", "another")
    server.stop()
    server.start(SHUTTERPOST_WEB_PASSWORD="from the environment")
    eventually(lambda: server.page)
    result = run("password", cwd=elsewhere)
    assert result.returncode == 0
    assert "SHUTTERPOST_WEB_PASSWORD" in result.stdout
    made = (server.folder / "another" / "password").read_text().strip()
    assert made not in result.stdout
    assert run("password", "--set", cwd=elsewhere).returncode == 1


def test_password_makes_nothing_in_a_folder_that_is_not_a_servers(elsewhere: Path) -> None:
    for arguments in (("password",), ("password", "--set"), ("password", "--data", "x")):
        result = run(*arguments, cwd=elsewhere)
        assert result.returncode == 1
        assert "--data" in result.stderr
    assert list(elsewhere.iterdir()) == []
