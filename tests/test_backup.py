"""docs/backup.md, word for word: everything is lost, and comes back."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import Smarthost, StartServer
from tests.support import DEADLINE, PHOTO, email_body, email_request, eventually
from tests.test_cli import run
from tests.web.visitor import Visitor, password_of

PAGE = Path(__file__).parent.parent / "docs" / "backup.md"


def follow(step: str, folder: Path) -> None:
    """Type a block of the page."""
    [script] = re.findall(rf"<!-- test: {step} -->\n```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_everything_is_lost_and_comes_back(start_server: StartServer, smarthost: Smarthost) -> None:
    config = smarthost.config + '[actions]\n"keep@example.org" = "store"\n'
    server = start_server(config)
    port = smarthost.port
    smarthost.stop()  # the mail waits, and goes out after all is restored
    for receiver in ("keep@example.org", "someone@example.org"):
        body = email_body(("A.JPG", PHOTO + receiver.encode()), receivers=(receiver,))
        assert server.ask(email_request(body)).status == 200
    stored = eventually(server.stored)
    password = password_of(server)
    follow("backup", server.folder)

    server.kill()
    safe = server.folder.parent / "another disk"
    (server.folder / "backup").rename(safe)
    shutil.rmtree(server.folder)
    server.folder.mkdir()
    safe.rename(server.folder / "backup")

    follow("restore", server.folder)
    assert server.config.read_text() == config
    server.start()
    assert server.stored() == stored
    assert password_of(server) == password
    assert Visitor(server.page).login(password).status == 303
    smarthost.start(port)
    run("queue", "retry", "2", cwd=server.folder)
    [mail] = eventually(lambda: smarthost.inbox.mails)
    assert mail.recipients == ["someone@example.org"]
    [photo] = mail.message.iter_attachments()
    assert photo.get_content() == PHOTO + b"someone@example.org"
    again = email_body(("B.JPG", PHOTO), receivers=("keep@example.org",))
    assert server.ask(email_request(again)).status == 200
    eventually(lambda: len(server.stored()) == len(stored) + 1)
    assert len({Path(name).parent for name in server.stored()}) == 1  # by the same secret
    assert (server.folder / "data" / "secret").stat().st_mode & 0o777 == 0o600
