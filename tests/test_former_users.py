"""A server with the configuration of samsung-nx-emailservice does what that one did."""

from tests.conftest import Server, StartServer
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
