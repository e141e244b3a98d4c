"""A server with the configuration of samsung-nx-emailservice does what that one did."""

from pathlib import Path

from tests.conftest import Server, StartServer
from tests.far_ends import FakeMastodon
from tests.support import PHOTO, email_body, email_request, eventually, reply_body

SHELL = """
UPLOAD_FOLDER = "photos"
SENDERS = ["Camera@samsungcamera.com"]
SECRET = "xiev5kaMeehaimub"
[SHELL]
CMD = "./log.sh {recipient} {filename}"
[SHELL.log]
STDIN = "{{From}}: {sender:>30}|{body}"
[ACTIONS]
"a@example.org" = "shell.log"
"b@example.org" = "shell.log"
"""
SCRIPT = """#!/bin/sh
echo "begin $1 $2" >> ran
cat > said
echo "end $1 $2" >> ran
exit 7
"""


def send(server: Server, *names: str, to: tuple[str, ...], text: str = "{sender} {x") -> None:
    photos = [(name, PHOTO + name.encode()) for name in names]
    request = email_request(email_body(*photos, receivers=to, text=text))
    assert server.ask(request).body == reply_body("status-succ")


def test_shell(start_server: StartServer) -> None:
    server = start_server(SHELL)
    script = server.folder / "log.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    send(server, "1.JPG", "2.JPG", "3.JPG", to=("a@example.org", "b@example.org"))
    ran = server.folder / "ran"
    eventually(lambda: ran.exists() and len(ran.read_text().splitlines()) == 12)
    eventually(lambda: server.output.count("done: ./log.sh ended with status 7") == 3)
    expected = [
        f"{when} {to}@example.org {server.folder}/photos/log/{number}.JPG"
        for number in (1, 2, 3)
        for to in ("a", "b")
        for when in ("begin", "end")
    ]
    assert ran.read_text().splitlines() == expected  # in order, one at a time, not repeated
    said = (server.folder / "said").read_text()
    assert said.startswith("{From}:       Camera@samsungcamera.com|{sender} {x")
    stored = sorted(path.name for path in (server.folder / "photos" / "log").iterdir())
    assert stored == ["1.JPG", "2.JPG", "3.JPG"]


def test_the_configuration_that_comes_with_it_starts(start_server: StartServer) -> None:
    shipped = (Path(__file__).parent / "config" / "reference-example.toml").read_text()
    server = start_server(shipped.replace("/tmp/", "uploads/"))
    assert "MAIL_SERVER is still CHANGEME: e-mails are stored instead" in server.output
    send(server, "1.JPG", to=("me@example.org",))
    stored = server.folder / "uploads" / "yZXbyiz-pZX2DqmBjoRl" / "1.JPG"
    eventually(stored.exists)
    send(server, "2.JPG", to=("example@mastodon.social",), text="hello~alt text")
    eventually(lambda: "needs url and token" in server.output.split("page:")[1])


def test_what_waits_for_a_token_goes_out_with_it(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    text = f'SENDERS = "*"\n[MASTODON]\nBASE_URL = "{mastodon.url}"\nTOKEN = "{{}}"\n'
    text += '[ACTIONS]\npicasa = "no such action"\n"x@y.z" = "mastodon"\n'
    server = start_server(text.format(""))
    send(server, "1.JPG", to=("x@y.z",), text="hello~alt text")
    eventually(lambda: "needs url and token" in server.output.split("page:")[1])
    server.stop()
    server.config.write_text(text.format("t0ken"))
    server.start()
    eventually(lambda: mastodon.posts)
    assert [post["status"].split("\n")[0] for post in mastodon.posts] == ["hello"]


def test_without_a_mail_server_it_is_this_machine(start_server: StartServer) -> None:
    server = start_server('SENDERS = ["*"]\nUPLOAD_FOLDER = "photos"\n')
    assert "mail:      through 127.0.0.1:25" in server.output
