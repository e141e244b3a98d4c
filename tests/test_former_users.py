"""A server with the configuration of samsung-nx-emailservice does what that one did."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import Server, StartServer
from tests.far_ends import FakeMastodon
from tests.support import PHOTO, email_body, email_request, eventually, reply_body
from tests.web.visitor import Visitor

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


def test_folders_are_shown_the_instances_too(start_server: StartServer) -> None:
    server = start_server(
        'SENDERS = "*"\nSECRET = "xiev5kaMeehaimub"\nINSECURE_DOWNLOAD = true\n'
        'UPLOAD_FOLDER = "photos"\n[SHELL]\nCMD = "true"\n[ACTIONS]\n'
        '"album@x.y" = "store.album"\n"log@x.y" = "shell.log"\n"setup@x.y" = "store.setup"\n'
        '"mine@x.y" = "store"\n"photos@x.y" = "store.photos"\n[SHELL.log]\n'
    )
    for name in ("album", "log", "setup", "mine", "photos"):
        send(server, f"{name}.JPG", to=(f"{name}@x.y",))
    eventually(lambda: len(list((server.folder / "photos").rglob("*.JPG"))) == 5)
    (server.folder / "photos" / "private").mkdir()
    (server.folder / "photos" / "private" / "A.JPG").write_bytes(PHOTO)
    anyone = Visitor(server.page)
    for folder, name in (("album", "album"), ("log", "log"), ("yZXbyiz-pZX2DqmBjoRl", "mine")):
        assert f"{name}.JPG" in anyone.get(f"/{folder}/").text
        assert anyone.get(f"/{folder}/{name}.JPG").data == PHOTO + f"{name}.JPG".encode()
    for path in ("/private/", "/private/A.JPG", "/setup", "/setup/", "/setup/setup.JPG", "/"):
        assert anyone.get(path).status == 303, path
    assert anyone.get("/photos/1").status == 303


def test_an_instances_folder_is_not_shown_by_our_own_configuration(
    start_server: StartServer,
) -> None:
    server = start_server('[web]\nfolders = true\n[actions]\n"a@x.y" = "store.album"\n')
    send(server, "A.JPG", to=("a@x.y",))
    eventually(server.stored)
    assert Visitor(server.page).get("/album/").status == 303


def test_an_empty_alt_text_will_do(start_server: StartServer, mastodon: FakeMastodon) -> None:
    text = f'SENDERS = "*"\n[MASTODON]\nBASE_URL = "{mastodon.url}"\nTOKEN = "t0ken"\n'
    server = start_server(text + '[ACTIONS]\n"x@y.z" = "mastodon"\n')
    for said, refusal in (
        ("Hello", b"No alt-text"),
        ("Hello~", b"Not enough alt-text"),
        ("Hello~~~", b"More alt-texts than photos"),
    ):
        photos = [(name, PHOTO + said.encode()) for name in ("1.JPG", "2.JPG")]
        answer = server.ask(email_request(email_body(*photos, receivers=("x@y.z",), text=said)))
        assert (answer.status, refusal in answer.body) == (400, True), said
    send(server, "1.JPG", to=("x@y.z",), text="Hello~")
    eventually(lambda: len(mastodon.posts) == 1)
    send(server, "2.JPG", "3.JPG", to=("x@y.z",), text="Hello~~one")
    eventually(lambda: len(mastodon.posts) == 2)
    assert [media.description for media in mastodon.media.values()] == [None, None, "one"]


def test_check_and_the_page_live_with_what_cannot_work(start_server: StartServer) -> None:
    server = start_server(
        'SENDERS = []\nUPLOAD_FOLDER = "photos"\n[ACTIONS]\n"a@b.c" = "mastodon.none"\n'
        '"d@e.f" = "shell.none"\npicasa = "mastodon"\n'
    )
    assert "senders:   nobody" in server.output
    password = (server.folder / "shutterpost-data" / "password").read_text().strip()
    owner = Visitor(server.page)
    assert owner.login(password).status == 303
    for path in ("/", "/setup", "/deliveries", "/cameras"):
        assert owner.get(path).status == 200, path
    command = [sys.executable, "-m", "shutterpost", "check", "-c", str(server.config)]
    command += ["--data", str(server.folder / "shutterpost-data")]
    checked = subprocess.run(
        command, cwd=server.folder, capture_output=True, text=True, check=False
    )
    assert checked.stderr == ""
    assert "there is no section [mastodon.none]" in checked.stdout
    answer = server.ask(email_request(email_body(("1.JPG", PHOTO))))
    assert answer.status == 401
