"""The DNS door with real clients, real resolvers, and hosts of our own."""

import os
import re
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import pytest

from shutterpost.camera.models import ALL_HOSTS, HOSTS
from tests.conftest import StartServer
from tests.net import Host, two_hosts
from tests.support import PHOTO, RECORDINGS, eventually, need


def free_port() -> int:
    """A port that is free for both kinds."""
    while True:
        with (
            socket.create_server(("127.0.0.1", 0)) as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
        ):
            port = int(tcp.getsockname()[1])
            with suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


class Dns:
    def __init__(self, start_server: StartServer, more: str = "", config: str = "") -> None:
        self.port = free_port()
        listen = f'[dns]\nlisten = "127.0.0.1:{self.port}"\n'
        self.server = start_server(config + listen + more)

    def query(self, wire: bytes, timeout: float = 5.0) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.sendto(wire, ("127.0.0.1", self.port))
            return sock.recv(4096)


@pytest.fixture
def dns_server(start_server: StartServer) -> Dns:
    return Dns(start_server, 'address = "192.168.1.23"\n')


def dig(tool: str, port: int, *words: str) -> str:
    command = [need(tool), "@127.0.0.1", "-p", str(port), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("tool", ["dig", "kdig"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_real_clients_are_answered(dns_server: Dns, tool: str, transport: str) -> None:
    for name in ALL_HOSTS:
        assert dig(tool, dns_server.port, transport, "+short", name, "A") == "192.168.1.23\n"
    nothing = dig(tool, dns_server.port, transport, HOSTS[0], "AAAA")
    assert "NOERROR" in nothing
    assert "192.168" not in nothing
    assert "REFUSED" in dig(tool, dns_server.port, transport, "example.org", "A")
    assert "REFUSED" in dig(tool, dns_server.port, transport, HOSTS[0], "ANY")
    assert re.search(
        r"(?is)edns.*version: 0", dig(tool, dns_server.port, transport, "+edns=0", HOSTS[0])
    )


def test_auto_is_this_machine_as_the_asker_reaches_it(start_server: StartServer) -> None:
    server = Dns(start_server)
    answer = dig("dig", server.port, "+short", HOSTS[0])
    assert answer.strip() not in ("", "127.0.0.1")  # no camera can use that


def test_only_the_chosen_cameras_names(start_server: StartServer) -> None:
    server = Dns(start_server, 'address = "10.0.0.1"\ncameras = ["NX300", "WB37F"]\n')
    assert dig("dig", server.port, "+short", "www.msn.com") == "10.0.0.1\n"
    assert "REFUSED" in dig("dig", server.port, "www.yahoo.co.kr")


def test_a_client_outside_allow_hears_nothing(start_server: StartServer) -> None:
    server = Dns(start_server, 'address = "10.0.0.1"\n', '[server]\nallow = ["192.0.2.0/24"]\n')
    query = dns.message.make_query(HOSTS[0], "A").to_wire()
    with pytest.raises(TimeoutError):
        server.query(query, timeout=0.5)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.settimeout(20)
        sock.sendall(struct.pack("!H", len(query)) + query)
        with suppress(ConnectionResetError):
            assert sock.recv(100) == b""


def test_who_asks_too_often_is_asked_to_come_by_tcp(dns_server: Dns) -> None:
    """Never silence: anyone can send in another's name, who must get answers all the same."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20.0)
        sock.connect(("127.0.0.1", dns_server.port))
        answers = []
        for number in range(300):
            sock.send(dns.message.make_query(HOSTS[0], "A", id=number).to_wire())
            answers.append(dns.message.from_wire(sock.recv(4096)))
    whole = [answer for answer in answers if answer.answer]
    assert len(whole) >= 50
    assert all(answer.flags & dns.flags.TC for answer in answers if not answer.answer)
    while True:  # the limit of this address is used up, and then dig asks
        query = dns.message.make_query(HOSTS[0], "A").to_wire()
        if dns.message.from_wire(dns_server.query(query)).flags & dns.flags.TC:
            break
    assert dig("dig", dns_server.port, "+short", HOSTS[0]) == "192.168.1.23\n"


def test_who_shows_a_cookie_has_a_limit_of_its_own(dns_server: Dns) -> None:
    def asked(cookie: bytes) -> dns.message.Message:
        option = dns.edns.CookieOption(cookie[:8], cookie[8:])
        query = dns.message.make_query(HOSTS[0], "A", use_edns=0, options=[option])
        return dns.message.from_wire(dns_server.query(query.to_wire()))

    [given] = asked(b"clientco").options
    assert isinstance(given, dns.edns.CookieOption)
    while not asked(b"clientco").flags & dns.flags.TC:
        pass
    assert asked(given.client + given.server).answer


def test_one_address_does_not_have_all_connections(dns_server: Dns) -> None:
    query = dns.message.make_query(HOSTS[0], "A").to_wire()
    with ExitStack() as held:
        for number in range(20):
            address = ("127.0.0.1", dns_server.port)
            sock = held.enter_context(
                socket.create_connection(address, source_address=("127.0.0.2", 0))
            )
            if number >= 10:
                sock.settimeout(20)
                assert sock.recv(1) == b""
        with socket.create_connection(("127.0.0.1", dns_server.port), 20) as sock:
            sock.sendall(struct.pack("!H", len(query)) + query)
            assert len(sock.recv(100)) > len(query)


def test_the_log_has_each_client_and_name_once(dns_server: Dns) -> None:
    for _ in range(3):
        for name in HOSTS[:2]:
            dig("dig", dns_server.port, "+short", name)
    for name in HOSTS[:2]:
        line = f"DNS: 127.0.0.1 asks for {name}"
        eventually(lambda line=line: line in dns_server.server.output)  # type: ignore[misc]
        assert dns_server.server.output.count(line) == 1


def test_malformed_datagrams_are_dropped_and_it_goes_on(dns_server: Dns) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for junk in (b"", b"x", bytes(12), bytes(500), os.urandom(4000)):
            sock.sendto(junk, ("127.0.0.1", dns_server.port))
    with socket.create_connection(("127.0.0.1", dns_server.port)) as stream:
        stream.sendall(b"\xff\xff" + bytes(100))
    with socket.create_connection(("127.0.0.1", dns_server.port)) as stream:
        stream.sendall(b"\x00\x05hello")
        stream.settimeout(20)
        assert stream.recv(10) == b""
    assert dig("dig", dns_server.port, "+short", HOSTS[0]) == "192.168.1.23\n"
    assert "Traceback" not in dns_server.server.output


def test_several_queries_on_one_tcp_connection_in_any_pieces(dns_server: Dns) -> None:
    queries = [dns.message.make_query(name, "A").to_wire() for name in ALL_HOSTS]
    stream = b"".join(struct.pack("!H", len(query)) + query for query in queries)
    with socket.create_connection(("127.0.0.1", dns_server.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(stream)):
            sock.send(stream[position : position + 1])
        file = sock.makefile("rb")
        for query in queries:
            [length] = struct.unpack("!H", file.read(2))
            answer = dns.message.from_wire(file.read(length))
            assert dns.message.from_wire(query).is_response(answer)
        file.close()


def run_resolver(command: list[str], port: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: "status:" in dig("dig", port, "+tries=1", "+time=1", HOSTS[0]))
    return process


def unbound_config(folder: Path, port: int, more: str) -> list[str]:
    path = folder / "unbound.conf"
    path.write_text(
        f"server:\n  interface: 127.0.0.1@{port}\n  do-daemonize: no\n  username: ''\n"
        "  chroot: ''\n  use-syslog: no\n  do-not-query-localhost: no\n  module-config: iterator\n"
        f"  pidfile: ''\n  directory: '{folder}'\n" + more
    )
    subprocess.run([need("unbound-checkconf"), str(path)], check=True, capture_output=True)
    return [need("unbound"), "-d", "-c", str(path)]


def test_a_resolver_that_forwards_to_us(dns_server: Dns, tmp_path: Path) -> None:
    need("dig")
    port = free_port()
    zones = "".join(
        f"forward-zone:\n  name: {name}.\n  forward-addr: 127.0.0.1@{dns_server.port}\n"
        for name in ALL_HOSTS
    )
    more = "  use-caps-for-id: yes\n" + zones  # 0x20: case is varied and wanted back
    resolver = run_resolver(unbound_config(tmp_path, port, more), port)
    try:
        for name in ALL_HOSTS:
            assert dig("dig", port, "+short", name) == "192.168.1.23\n"
        assert "NOERROR" in dig("dig", port, HOSTS[0], "AAAA")
    finally:
        resolver.kill()
        resolver.wait()


def hosts(*words: str) -> str:
    command = [sys.executable, "-m", "shutterpost", "hosts", "--ip", "192.168.1.23", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def check_names(port: int) -> None:
    for name in ALL_HOSTS:
        assert dig("dig", port, "+short", name, "A") == "192.168.1.23\n"
        assert dig("dig", port, "+short", name, "AAAA") == ""


def test_the_dnsmasq_lines_work_in_dnsmasq(tmp_path: Path) -> None:
    dnsmasq, port = need("dnsmasq", "install dnsmasq-base"), free_port()
    path = tmp_path / "shutterpost.conf"
    path.write_text(hosts("--format", "dnsmasq"))
    base = [dnsmasq, f"--conf-file={path}"]
    tested = subprocess.run([*base, "--test"], capture_output=True, text=True, check=False)
    assert "syntax check OK" in tested.stderr
    options = ["--no-daemon", "--no-resolv", "--no-hosts", "--bind-interfaces"]
    options += ["--listen-address=127.0.0.1", f"--port={port}", "--user=root", "--pid-file="]
    resolver = run_resolver([*base, *options], port)
    try:
        check_names(port)
        assert "192.168" not in dig("dig", port, f"x.{HOSTS[0]}")
    finally:
        resolver.kill()
        resolver.wait()


@pytest.mark.parametrize("format", ["hosts", "pihole"])
def test_the_hosts_lines_work_in_dnsmasq(tmp_path: Path, format: str) -> None:
    dnsmasq, port = need("dnsmasq", "install dnsmasq-base"), free_port()
    text = hosts("--format", format)
    if format == "pihole":
        assert "pihole allow gld.samsungosp.com" in text
        text = text.split("<<'END'\n")[1].split("END\n")[0]
        subprocess.run(["sh", "-n"], input=hosts("--format", format), text=True, check=True)
    path = tmp_path / "hosts.txt"
    path.write_text(text)
    options = ["--no-daemon", "--no-resolv", "--no-hosts", "--bind-interfaces", "--conf-file="]
    options += ["--listen-address=127.0.0.1", f"--port={port}", "--user=root", "--pid-file="]
    resolver = run_resolver([dnsmasq, *options, f"--addn-hosts={path}"], port)
    try:
        check_names(port)
    finally:
        resolver.kill()
        resolver.wait()


def test_the_unbound_lines_work_in_unbound(tmp_path: Path) -> None:
    need("dig")
    port = free_port()
    resolver = run_resolver(unbound_config(tmp_path, port, hosts("--format", "unbound")), port)
    try:
        check_names(port)
    finally:
        resolver.kill()
        resolver.wait()


def test_what_is_pasted_elsewhere_is_well_formed() -> None:
    adguard = hosts("--format", "adguard").splitlines()
    assert "|gld.samsungosp.com^$dnstype=A,dnsrewrite=NOERROR;A;192.168.1.23" in adguard
    assert "@@|gld.samsungosp.com^$important" in adguard
    coredns = hosts("--format", "coredns")
    assert coredns.count("{") == coredns.count("}") == 1
    assert "    192.168.1.23 www.msn.com\n" in coredns
    openwrt = hosts("--format", "openwrt")
    subprocess.run(["sh", "-n"], input=openwrt, text=True, check=True)
    assert openwrt.count("uci add dhcp domain") == len(ALL_HOSTS)
    assert openwrt.endswith("uci commit dhcp\nservice dnsmasq restart\n")
    for format in ("adguard", "coredns", "openwrt", "dnsmasq", "unbound", "pihole"):
        assert "yahoo" not in hosts("--format", format, "--camera", "NX300")


def test_the_files_of_the_sd_card(tmp_path: Path) -> None:
    """Played on a root of our own instead of a camera's."""
    text = hosts("--format", "autoexec", "--camera", "NX300")
    script = text.split("# ---- file: autoexec.sh\n")[1].split("\n\n")[0]
    table = text.split("# ---- file: hosts\n")[1].split("\n\n")[0]
    assert script.splitlines() == [
        "mount / -o remount,rw",
        "cp /mnt/mmc/hosts /etc",
        "mount / -o remount,ro",
    ]
    assert table.splitlines() == ["127.0.0.1 localhost", f"192.168.1.23 {' '.join(HOSTS)}"]
    assert "NX500 and NX1" in text


def camera(host: Host, server: str, *words: str) -> str:
    python = [sys.executable, "-m", "shutterpost", "camera"]
    return host.run(*python, *words, "--to", server)


def test_a_camera_whose_only_resolver_is_shutterpost(tmp_path: Path) -> None:
    """Two hosts, nothing configured but `[dns] listen`: names, hotspot check, photo, success."""
    need("dig")
    with two_hosts("sp", ("192.168.77.1", "192.168.77.2")) as (home, nx300):
        (tmp_path / "config.toml").write_text('[dns]\nlisten = "192.168.77.1:53"\n')
        command = [sys.executable, "-m", "shutterpost", "serve", "--listen", "0.0.0.0:80"]
        log = tmp_path / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                home.command(*command), cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            eventually(lambda: "dns:" in log.read_text())
            for name in HOSTS:
                answer = nx300.run("dig", "@192.168.77.1", "+short", name)
                assert answer == "192.168.77.1\n"
            resolved = nx300.run("dig", "@192.168.77.1", "+short", HOSTS[2]).strip()
            said = camera(nx300, f"{resolved}:80", "NX300", str(RECORDINGS / "SAM_4371.JPG"))
            assert "NX300: sent 1 file" in said, said + log.read_text()
            found = eventually(lambda: list((tmp_path / "data" / "photos").rglob("*.JPG")))
            assert [path.read_bytes() for path in found] == [PHOTO]
        finally:
            server.terminate()
            server.wait()


def test_a_stranger_gets_no_packet_back(tmp_path: Path) -> None:
    """Measured on the wire, between a public address and the server."""
    with two_hosts("sq", ("198.18.0.1", "198.18.0.2")) as (home, stranger):
        (tmp_path / "config.toml").write_text('[dns]\nlisten = "198.18.0.1:53"\n')
        command = [sys.executable, "-m", "shutterpost", "serve", "--listen", "127.0.0.1:0"]
        log = tmp_path / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                home.command(*command, "--web", "off"),
                cwd=tmp_path,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            eventually(lambda: "dns:" in log.read_text())
            before = received(stranger)
            nobody = stranger.run("dig", "@198.18.0.1", "+tries=2", "+time=1", HOSTS[0])
            assert "no servers could be reached" in nobody or "timed out" in nobody
            assert received(stranger) == before
        finally:
            server.terminate()
            server.wait()


def answers(host: Host, asked: list[str], wanted: str) -> bool:
    return host.run(*asked) == wanted


def received(host: Host) -> int:
    """UDP datagrams that reached a host."""
    text = host.run("cat", "/proc/net/snmp")
    names, values = [line.split() for line in text.splitlines() if line.startswith("Udp:")]
    counted = dict(zip(names[1:], map(int, values[1:]), strict=True))
    return counted["InDatagrams"] + counted["NoPorts"]


def test_other_names_are_forwarded_for_allowed_clients(tmp_path: Path) -> None:
    dnsmasq = need("dnsmasq", "install dnsmasq-base")
    need("dig")
    with two_hosts("sr", ("192.168.78.1", "192.168.78.2")) as (home, client):
        upstream = [dnsmasq, "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file="]
        upstream += ["--listen-address=127.0.0.1", "--bind-interfaces", "--user=root"]
        upstream += ["--host-record=example.org,203.0.113.9", "--pid-file="]
        resolver = subprocess.Popen(home.command(*upstream), stderr=subprocess.DEVNULL)
        (tmp_path / "config.toml").write_text(
            '[dns]\nlisten = "192.168.78.1:53"\nupstream = "127.0.0.1"\n'
        )
        command = [sys.executable, "-m", "shutterpost", "serve", "--listen", "127.0.0.1:0"]
        log = tmp_path / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                home.command(*command, "--web", "off"),
                cwd=tmp_path,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            eventually(lambda: "forwarded to 127.0.0.1" in log.read_text())
            for transport in ("+notcp", "+tcp"):
                asked = ("dig", "@192.168.78.1", transport, "+short")
                eventually(partial(answers, client, [*asked, "example.org"], "203.0.113.9\n"))
                assert client.run(*asked, HOSTS[0]) == "192.168.78.1\n"
            resolver.kill()
            resolver.wait()
            assert "SERVFAIL" in client.run("dig", "@192.168.78.1", "+tries=1", "example.net")
        finally:
            server.terminate()
            server.wait()
            resolver.kill()
            resolver.wait()


def test_a_port_that_is_taken_is_told(start_server: StartServer, tmp_path: Path) -> None:
    server = Dns(start_server)
    (tmp_path / "config.toml").write_text(f'[dns]\nlisten = "127.0.0.1:{server.port}"\n')
    command = [sys.executable, "-m", "shutterpost", "serve", "--listen", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "--web", "off"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "or change [dns] listen" in done.stderr


def test_names_of_cameras_that_do_not_exist_are_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[dns]\ncameras = ["EOS"]\n')
    done = subprocess.run(
        [sys.executable, "-m", "shutterpost", "check", "--offline"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert '"EOS" is no known camera' in done.stderr
