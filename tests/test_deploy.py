"""What is in deploy/, as far as it can be tried without the machines it is for."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shutterpost.config import load
from tests.support import DEADLINE, PHOTO, ask, eventually, need, recording, reply_body

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def test_the_service_is_hardened() -> None:
    analyze = need("systemd-analyze", "install systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=20", DEPLOY / "shutterpost.service"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_PAGER": ""},
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    [level] = re.findall(r"Overall exposure level.*: ([0-9.]+)", done.stdout)
    assert float(level) < 2.0


@pytest.mark.parametrize(
    "unit", ["shutterpost.service", "shutterpost.socket", "shutterpost-dns.socket"]
)
def test_the_units_are_well_formed(unit: str, tmp_path: Path) -> None:
    analyze = need("systemd-analyze", "install systemd")
    for path in DEPLOY.glob("shutterpost*"):
        text = path.read_text().replace("/opt/shutterpost/bin/shutterpost", "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_user_is_well_formed(tmp_path: Path) -> None:
    sysusers = need("systemd-sysusers", "install systemd")
    (tmp_path / "etc").mkdir()
    subprocess.run([sysusers, f"--root={tmp_path}", DEPLOY / "sysusers.conf"], check=True)
    assert "shutterpost:x:" in (tmp_path / "etc" / "passwd").read_text()


def test_sockets_that_systemd_opened_are_used(tmp_path: Path) -> None:
    """What socket activation does, done by hand."""
    cameras = socket.create_server(("127.0.0.1", 0))
    port = cameras.getsockname()[1]
    dns_udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns_udp.bind(("127.0.0.1", 0))
    dns_tcp = socket.create_server(("127.0.0.1", 0))
    given = [cameras.fileno(), dns_udp.fileno(), dns_tcp.fileno()]
    script = (
        "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid());"
        + "".join(f"os.dup2({fd}, {100 + n});" for n, fd in enumerate(given))
        + "".join(f"os.dup2({100 + n}, {3 + n});" for n in range(len(given)))
        + "os.execv(sys.executable, [sys.executable, '-m', 'shutterpost', 'serve', '--web', 'off'])"
    )
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            pass_fds=given,
            env={**os.environ, "LISTEN_FDS": "3", "LISTEN_FDNAMES": "cameras:dns:dns"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        answer = ask(port, recording("email-nx300"))
        assert answer.body == reply_body("status-succ")
        found = eventually(lambda: list((tmp_path / "data" / "photos").rglob("*.JPG")))
        assert found[0].read_bytes() == PHOTO
        dig = need("dig")
        for sock, transport in ((dns_udp, "+notcp"), (dns_tcp, "+tcp")):
            where = ["@127.0.0.1", "-p", str(sock.getsockname()[1]), transport, "+short"]
            command = [dig, *where, "gld.samsungosp.com"]
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            assert re.fullmatch(r"[0-9.]+\n", said)
    finally:
        server.terminate()
        server.wait(DEADLINE)
        for sock in (cameras, dns_udp, dns_tcp):
            sock.close()


def test_the_compose_file() -> None:
    [service] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] != "0:0"
    assert service["healthcheck"]["test"][0] == "CMD"
    build = service["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Containerfile")
    page = [port for port in service["ports"] if port.endswith(":8081")]
    assert page == ["127.0.0.1:8081:8081"]


def test_the_container_file() -> None:
    lines = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK"}
    assert {word for word, _ in steps} <= known | {"CMD", "STOPSIGNAL"}
    for word, rest in steps:
        if word == "FROM":
            assert re.match(r"docker\.io/library/python:3\.\d+-slim-\w+", rest)
        if word == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
        if word in ("CMD", "HEALTHCHECK"):
            assert rest.endswith("]")
    users = [rest for word, rest in steps if word == "USER"]
    assert users == ["10001"]
    command = next(rest for word, rest in steps if word == "CMD")
    arguments = yaml.safe_load(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "shutterpost", *arguments, "--help"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


def test_the_redirect_is_well_formed() -> None:
    nft = need("nft", "install nftables")
    done = subprocess.run(
        [nft, "-c", "-f", DEPLOY / "redirect.nft"], capture_output=True, text=True, check=False
    )
    if os.geteuid() != 0:
        pytest.skip("only root may ask nft")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_hotspots_files() -> None:
    config = load(DEPLOY / "hotspot" / "config.toml", {})
    assert str(config.dns.listen) == "192.168.50.1:53"
    dnsmasq = need("dnsmasq", "install dnsmasq-base")
    done = subprocess.run(
        [dnsmasq, "--test", f"--conf-file={DEPLOY / 'hotspot' / 'dnsmasq.conf'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "syntax check OK" in done.stderr
    hostapd = (DEPLOY / "hotspot" / "hostapd.conf").read_text()
    assert all(re.fullmatch(r"#.*|\w+=.+", line) for line in hostapd.splitlines() if line)
