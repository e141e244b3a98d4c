"""The commands, as someone types them."""

import fcntl
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import shutterpost
from shutterpost.config import load
from shutterpost.config.values import Secret
from shutterpost.secret import folder_of, fresh
from tests.conftest import Server, Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.support import PHOTO, RECORDINGS, eventually


def run(
    *arguments: str, cwd: Path | None = None, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("CONFIG", "SHUTTERPOST_CONFIG")}
    return subprocess.run(
        [sys.executable, "-m", "shutterpost", *arguments],
        cwd=cwd,
        env={**environment, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_version_and_help() -> None:
    assert run("--version").stdout == f"shutterpost {shutterpost.__version__}\n"
    text = run("--help").stdout
    for command in ("serve", "init", "check", "hosts", "camera"):
        assert command in text
        assert run(command, "--help").returncode == 0


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("fly").returncode == 2
    assert run().returncode == 2


def test_init_writes_once(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    path = tmp_path / "config.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text()
    again = run("init", cwd=tmp_path)
    assert again.returncode == 1
    assert "stays as it is" in again.stderr
    assert path.read_text() == first
    assert run("init", "none/x.toml", cwd=tmp_path).returncode == 1
    assert run("check", "--offline", cwd=tmp_path).returncode == 0


def test_a_wrong_configuration_is_told_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[server]\nlisten = 1\nalow = ["any"]\n')
    for command in (("serve",), ("check",)):
        result = run(*command, cwd=tmp_path)
        assert result.returncode == 2
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("config.toml:2: server.listen: ")
        assert lines[1] == "config.toml:3: server.alow: unknown: did you mean allow?"


def test_a_missing_file_that_was_named(tmp_path: Path) -> None:
    for result in (
        run("check", "-c", "none.toml", cwd=tmp_path),
        run("check", cwd=tmp_path, environ={"SHUTTERPOST_CONFIG": "none.toml"}),
    ):
        assert result.returncode == 2
        assert result.stderr == "none.toml: cannot be read: No such file or directory\n"


def test_check_offline_without_a_configuration(tmp_path: Path) -> None:
    result = run("check", "--offline", cwd=tmp_path)
    assert result.returncode == 0
    verdicts = [line.split()[:2] for line in result.stdout.splitlines()]
    expected = ["configuration:", "data:", "photos:", "clock:", "database:", "cameras:"]
    assert verdicts == [*(["ok", what] for what in expected), ["warn", "mail:"]]
    assert list(tmp_path.iterdir()) == []


def test_check_tries_the_smtp_server(tmp_path: Path, smarthost: Smarthost) -> None:
    (tmp_path / "config.toml").write_text(smarthost.config)
    assert "ok    mail: 127.0.0.1" in run("check", cwd=tmp_path).stdout
    smarthost.stop()
    result = run("check", cwd=tmp_path)
    assert result.returncode == 1
    assert "FAIL  mail: 127.0.0.1" in result.stdout
    assert "correct [email] in the configuration" in result.stdout


def test_check_finds_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[storage]\nphotos = "/proc/photos"\nmin_free = "9 TB"')
    result = run("check", "--offline", cwd=tmp_path)
    assert result.returncode == 1
    assert "FAIL  photos: /proc is not writable" in result.stdout
    assert "lower [storage] min_free" in result.stdout


def test_hosts_prints_exactly_what_to_paste() -> None:
    assert run("hosts", "--ip", "192.168.1.23").stdout == (
        "# every camera asks for these\n"
        "192.168.1.23 gld.samsungosp.com www.samsungimaging.com www.ospserver.net "
        "snsgw.samsungmobile.com\n"
        "# ST200F, DV300F, EX2F and WB850F ask for this too\n"
        "192.168.1.23 www.yahoo.co.kr\n"
        "# WB35F, WB36F, WB37F, WB1100F and DV150F ask for this too\n"
        "192.168.1.23 www.msn.com\n"
    )
    one = run("hosts", "--ip", "192.168.1.23", "--camera", "nx300", "--format", "hosts").stdout
    assert one.splitlines()[1].split()[0] == "192.168.1.23"
    assert "yahoo" not in one
    assert run("hosts", "--ip", "home").returncode == 2
    assert run("hosts", "--ip", "::1").returncode == 2
    assert run("hosts", "--camera", "EOS").returncode == 2


def camera(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("camera", *arguments, "--to", f"127.0.0.1:{server.port}")


def test_camera_sends_a_photo(server: Server) -> None:
    result = camera(server, "NX300", str(RECORDINGS / "SAM_4371.JPG"))
    assert (result.returncode, result.stdout) == (0, "NX300: sent 1 file\n")
    eventually(server.stored)
    assert list(server.stored().values()) == [PHOTO]
    for quirk in ("request-line-whitespace", "repeated-field", "multipart-not-closed"):
        assert quirk in server.output


def test_camera_sends_what_it_is_told(
    start_server: StartServer, smarthost: Smarthost, tmp_path: Path
) -> None:
    server = start_server(smarthost.config + 'from = "me@example.net"\n')
    video = tmp_path / "사진 & more.MP4"
    video.write_bytes(bytes(300_000))
    result = camera(
        server,
        *("nx-mini", str(RECORDINGS / "SAM_4371.JPG"), str(video)),
        *("--recipient", "a@example.org", "--recipient", "b@example.org"),
        *("--sender", "camera@samsungcamera.com", "--text", "안녕 ]]> & <b>"),
    )
    assert result.returncode == 0, result.stderr
    [mail] = eventually(lambda: smarthost.inbox.mails)
    assert mail.recipients == ["a@example.org", "b@example.org"]
    body = mail.message.get_body()
    assert body is not None
    assert body.get_content().strip() == "안녕 ]]> & <b>"
    kinds = [
        (part.get_filename(), part.get_content_type()) for part in mail.message.iter_attachments()
    ]
    assert kinds == [("SAM_4371.JPG", "image/jpeg"), ("사진 & more.MP4", "video/mp4")]


def test_camera_fails_when_the_server_does_not_say_success(server: Server, tmp_path: Path) -> None:
    photo = str(RECORDINGS / "SAM_4371.JPG")
    refused = camera(server, "NX300", photo, "--sender", "x@y.z")
    assert refused.returncode == 1
    assert "the server answered 401" in refused.stderr
    assert "x@y.z is not in senders" in refused.stderr
    nobody = run("camera", "NX300", photo, "--to", "127.0.0.1:1")
    assert nobody.returncode == 1
    assert "is `shutterpost serve` running?" in nobody.stderr
    missing = camera(server, "NX300", str(tmp_path / "none.jpg"))
    assert (missing.returncode, "none.jpg cannot be read" in missing.stderr) == (1, True)
    assert camera(server, "EOS", photo).returncode == 2
    assert camera(server, "ST1000", photo).returncode == 1
    assert run("camera", "NX300", photo, "--to", "nowhere").returncode == 2


def test_camera_notices_an_early_refusal_of_a_large_file(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server('[server]\nmax_upload = "100 kB"\n')
    video = tmp_path / "A.MP4"
    with video.open("wb") as file:
        file.truncate(200_000_000)
    result = camera(server, "NX300", str(video))
    assert result.returncode == 1
    assert "the server answered 413" in result.stderr


def test_camera_shows_its_progress_on_a_terminal(server: Server, tmp_path: Path) -> None:
    photo = tmp_path / "A.JPG"
    photo.write_bytes(bytes(2_000_000))
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "shutterpost", "camera", "NX300", str(photo)]
    process = subprocess.Popen(
        [*command, "--to", f"127.0.0.1:{server.port}"], stderr=end, stdout=subprocess.DEVNULL
    )
    os.close(end)
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:  # the terminal ends with its last program
        pass
    finally:
        os.close(terminal)
    assert process.wait() == 0
    assert b"100%" in shown


@pytest.mark.parametrize("option", ["--listen", "--web"])
def test_wrong_options_of_serve(option: str, tmp_path: Path) -> None:
    result = run("serve", option, "nonsense", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{option}: must be an address and a port")


def test_login_mastodon_writes_a_secret_that_the_configuration_reads(
    mastodon: FakeMastodon, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "shutterpost", "login", "mastodon", mastodon.url]
    result = subprocess.run(
        [*command, "--instance", "pub"],
        cwd=tmp_path,
        input="the-code\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert f"{mastodon.url}/oauth/authorize?client_id=the-id&response_type=code" in result.stdout
    secret = tmp_path / "mastodon-pub.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().split() == ["t0ken", mastodon.url, "the-id", "the-secret"]
    assert "t0ken" not in result.stdout
    (tmp_path / "config.toml").write_text(
        '[mastodon.pub]\ntoken_file = "mastodon-pub.secret"\n[actions]\nfacebook = "mastodon.pub"\n'
    )
    checked = run("check", cwd=tmp_path).stdout
    assert f"ok    mastodon.pub: {mastodon.url} takes the token of the app Shutterpost" in checked
    mastodon.token = "other"
    checked = run("check", cwd=tmp_path).stdout
    assert "FAIL  mastodon.pub: " in checked
    assert "make a new token with `shutterpost login mastodon" in checked


def test_login_mastodon_that_fails(mastodon: FakeMastodon, tmp_path: Path) -> None:
    def login(url: str, given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "shutterpost", "login", "mastodon", url],
            cwd=tmp_path,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    assert "no such code" in login(mastodon.url, "wrong\n").stderr
    assert "no code was given" in login(mastodon.url, "").stderr
    assert "cannot be reached" in login("http://127.0.0.1:1", "x\n").stderr
    assert login("http://photog.social", "x\n").returncode == 2
    assert login("photog.social", "x\n").returncode == 2
    inside = login("https://127.1:1", "x\n")
    assert "127.1 is 127.0.0.1, inside your own network" in inside.stderr
    assert "add --inside" in inside.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_asks_who_reaches_the_page(tmp_path: Path) -> None:
    assert run("init", "--page", "home", cwd=tmp_path).returncode == 0
    assert 'listen = "0.0.0.0:8081"' in (tmp_path / "config.toml").read_text()
    assert run("init", "--page", "here", "b.toml", cwd=tmp_path).returncode == 0
    assert '# listen = "127.0.0.1:8081"' in (tmp_path / "b.toml").read_text()
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "shutterpost", "init", "c.toml"],
        cwd=tmp_path,
        stdin=end,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.write(terminal, b"y\n")
    assert process.wait(20) == 0
    os.close(end)
    os.close(terminal)
    assert 'listen = "0.0.0.0:8081"' in (tmp_path / "c.toml").read_text()


def test_init_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover (becomes another program)
        os.chdir(tmp_path)
        # Where the tests run in the background, Ctrl-C is ignored, and so it would be here.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-m", "shutterpost", "init"])
    said = b""
    while b"[y/N]" not in said:
        said += os.read(terminal, 4096)
    status = 0
    for _ in range(10):  # what comes while the question is still being set up may be lost
        os.kill(pid, signal.SIGINT)
        end = time.monotonic() + 2.0
        while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < end:
            time.sleep(0.02)
        if ended[0]:
            status = ended[1]
            break
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    assert list(tmp_path.iterdir()) == []
    assert run("init", cwd=tmp_path).returncode == 0


def test_init_keeps_the_secret_of_a_data_folder_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("the old one\n")
    assert run("init", "--data", "elsewhere", cwd=tmp_path).returncode == 0
    config = load(tmp_path / "config.toml", {})
    assert config.storage.secret.reveal() == "the old one"
    assert config.storage.data == tmp_path / "elsewhere"


def test_no_usual_folder_of_a_new_installation_looks_like_an_option() -> None:
    for _ in range(300):  # one in 64 would, by chance
        assert not folder_of("Camera@samsungcamera.com", Secret(fresh())).startswith("-")


def test_hosts_writes_the_cards_files(tmp_path: Path) -> None:
    write = ("hosts", "--ip", "192.168.1.23", "--format", "autoexec", "--write", str(tmp_path))
    assert run(*write, "--camera", "NX300").returncode == 0
    assert (tmp_path / "hosts").read_bytes() == (
        b"127.0.0.1 localhost\n192.168.1.23 gld.samsungosp.com www.samsungimaging.com "
        b"www.ospserver.net snsgw.samsungmobile.com\n"
    )
    assert b"cp /mnt/mmc/hosts /etc\n" in (tmp_path / "autoexec.sh").read_bytes()
    printed = run(*write[:-2], "--camera", "NX300").stdout
    for name in ("hosts", "autoexec.sh"):
        assert (tmp_path / name).read_text() in printed
    assert run(*write, "--camera", "NX300").returncode == 0  # the same again is no harm
    (tmp_path / "autoexec.sh").write_text("somebody else's\n")
    refused = run(*write, "--camera", "NX300")
    assert (refused.returncode, "autoexec.sh is there already" in refused.stderr) == (1, True)
    assert (tmp_path / "autoexec.sh").read_text() == "somebody else's\n"
    for camera in ("ST200F", "NX500"):
        assert run(*write, "--camera", camera).returncode == 1
    assert run("hosts", "--write", str(tmp_path)).returncode == 2
    assert run(*write[:-1], str(tmp_path / "none")).returncode == 1


def test_check_asks_a_resolver_by_name_and_port(start_server: StartServer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start_server(f'[dns]\nlisten = "127.0.0.1:{port}"\naddress = "192.168.1.23"\n')
    (tmp_path / "config.toml").write_text('[dns]\naddress = "192.168.1.23"\n')
    for resolver in (f"127.0.0.1:{port}", f"localhost:{port}"):
        said = run("check", "--dns", resolver, cwd=tmp_path).stdout
        assert f"ok    names: the resolver {resolver}" in said
    for wrong in ("pi.hole.invalid", "192.168.1.1:dns", "192.168.1.1:0", "a b", "x" * 300, "[::1"):
        result = run("check", "--dns", wrong, cwd=tmp_path)
        assert result.returncode == 1
        assert f'the resolver "{wrong}" cannot be found' in result.stdout, result.stdout
        assert "Traceback" not in result.stderr


def test_init_keeps_the_secret_that_photos_are_stored_with(server: Server) -> None:
    assert run("init", cwd=server.folder).returncode == 0
    secret = (server.folder / "data" / "secret").read_text().strip()
    assert f'secret = "{secret}"' in (server.folder / "config.toml").read_text()
