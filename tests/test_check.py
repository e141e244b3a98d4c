"""`shutterpost check` where the network can be arranged: on hosts of our own."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import Server
from tests.net import two_hosts
from tests.support import eventually, need


def check(folder: Path, *arguments: str, within: list[str] | None = None) -> str:
    command = [*(within or []), sys.executable, "-m", "shutterpost", "check", *arguments]
    environ = {k: v for k, v in os.environ.items() if k not in ("CONFIG", "SHUTTERPOST_CONFIG")}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env=environ
    ).stdout


def lines(text: str, what: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(rf"(ok|warn|FAIL)\s+{what}:", line)]


def test_every_failure_ends_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[storage]\nphotos = "/proc/photos"\n[server]\nlisten = "192.0.2.9:8080"\n'
        '[email]\nhost = "127.0.0.1"\nport = 1\n'
    )
    text = check(tmp_path)
    failures = [line for line in text.splitlines() if line.startswith("FAIL")]
    assert len(failures) == 3
    assert failures[0].endswith("the right to write there")
    assert failures[1].endswith("(Cannot assign requested address): change [server] listen")
    assert failures[2].endswith("correct [email] in the configuration")


def test_a_running_server_and_the_cameras_own_resolver(tmp_path: Path) -> None:
    need("dig")
    with two_hosts("sc", ("192.168.79.1", "192.168.79.2")) as (home, _):
        (tmp_path / "config.toml").write_text('[dns]\nlisten = "192.168.79.1:53"\n')
        before = check(tmp_path, within=home.command())
        assert "start it, then check again" in lines(before, "door")[0]
        log = tmp_path / "log"
        command = [sys.executable, "-m", "shutterpost", "serve"]
        with log.open("w") as out:
            server = subprocess.Popen(
                home.command(*command), cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT
            )
        web = subprocess.Popen(
            home.command(sys.executable, "-m", "http.server", "80"),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: "dns:" in log.read_text())

            def found() -> str:
                text = check(tmp_path, "--dns", "192.168.79.1", within=home.command())
                return text if "SimpleHTTP" in text else ""

            text = eventually(found, 60)
            [system, asked] = lines(text, "names")
            assert system.startswith("warn  names: this machine's resolver: gld.samsungosp.com is ")
            assert asked == "ok    names: the resolver 192.168.79.1 knows them all as 192.168.79.1"
            assert lines(text, "door") == ["ok    door: the server answers on 0.0.0.0:8080"]
            [port] = lines(text, "port 80")
            assert port.startswith("FAIL  port 80: 192.168.79.1:80 is answered by SimpleHTTP")
            assert port.endswith("(docs/port-80.md)")
            nobody = check(tmp_path, "--dns", "192.168.79.2", within=home.command())
            assert lines(nobody, "names")[1].startswith("FAIL  names: the resolver 192.168.79.2")
            assert lines(nobody, "names")[1].endswith("give it the lines of `shutterpost hosts`")
            web.kill()
            web.wait()
            quiet = check(tmp_path, within=home.command())
            assert lines(quiet, "port 80")[0].startswith("warn  port 80: nothing answers")
        finally:
            for process in (server, web):
                process.kill()
                process.wait()


def test_port_80_that_is_redirected_is_seen(tmp_path: Path) -> None:
    """The redirect of deploy/, for packets from outside and from this machine."""
    need("nft", "install nftables")
    rules = Path(__file__).parent.parent / "deploy" / "redirect.nft"
    with two_hosts("sd", ("192.168.80.1", "192.168.80.2")) as (home, camera):
        log = tmp_path / "log"
        command = [sys.executable, "-m", "shutterpost", "serve"]
        with log.open("w") as out:
            server = subprocess.Popen(
                home.command(*command), cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            eventually(lambda: "mail:" in log.read_text())
            assert home.run("nft", "-c", "-f", str(rules)) == ""
            assert home.run("nft", "-f", str(rules)) == ""
            text = check(tmp_path, within=home.command())
            assert lines(text, "port 80") == ["ok    port 80: 192.168.80.1:80 leads to the server"]
            photo = Path(__file__).parent / "recordings" / "SAM_4371.JPG"
            sent = [sys.executable, "-m", "shutterpost", "camera", "NX300", str(photo)]
            assert "sent 1 file" in camera.run(*sent, "--to", "192.168.80.1:80")
        finally:
            server.kill()
            server.wait()


def test_a_port_that_another_program_answers(server: Server, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[server]\nlisten = "127.0.0.1:{server.page}"\n')
    [door] = lines(check(tmp_path), "door")
    assert door.startswith(f"FAIL  door: 127.0.0.1:{server.page} is answered by another web server")
    assert door.endswith("stop that, or change [server] listen")
