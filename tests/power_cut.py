"""Killing a server under load, and holding it to its promise afterwards.

What was answered "success" is delivered exactly once: to the mail server by Message-ID, to
Mastodon by post, to the photos folder by file. What was not is gone or complete.
"""

import random
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.conftest import Server, Smarthost
from tests.far_ends import FakeMastodon
from tests.support import email_body, email_request, eventually

MAIL, STORE, MASTODON = "mail@example.org", "store@example.org", "masto@example.org"


def config(smarthost: Smarthost, mastodon: FakeMastodon) -> str:
    return (
        f"{smarthost.config}"
        f'[mastodon]\nurl = "{mastodon.url}"\ntoken = "t0ken"\n'
        '[delivery]\nfirst_retry = "0.2 s"\n[storage]\nmin_free = "1 MiB"\n'
        f'[actions]\n"{STORE}" = "store"\n"{MASTODON}" = "mastodon"\n'
    )


@dataclass
class Load:
    """Cameras that send one e-mail after the other, and remember what they were told."""

    server: Server
    seed: int = 0
    sent: dict[str, bytes] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    stopping: bool = False

    def run(self, cameras: int) -> list[threading.Thread]:
        threads = [
            threading.Thread(target=self._camera, args=(number,)) for number in range(cameras)
        ]
        for thread in threads:
            thread.start()
        return threads

    def send(self, name: str, data: bytes) -> bool:
        """One e-mail to a mailbox, a folder and Mastodon; whether the camera saw "sent"."""
        self.sent[name] = data
        body = email_body(
            (f"{name}.JPG", data), receivers=(MAIL, STORE, MASTODON), text=f"{name}~alt of {name}"
        )
        with suppress(OSError, IndexError):
            if b'<Response Status="succ" />' in self.server.ask(email_request(body)).body:
                self.acknowledged.add(name)
        return name in self.acknowledged

    def _camera(self, number: int) -> None:
        chance = random.Random(f"{self.seed} {number}")
        count = 0
        while not self.stopping:
            count += 1
            name = f"camera {number} photo {count}"
            data = name.encode() + chance.randbytes(chance.choice((10, 5_000, 300_000)))
            while not self.send(name, data) and not self.stopping:
                time.sleep(0.05)  # the camera shows an error, the person tries again


def settle(server: Server, deadline: float = 60.0) -> None:
    """Wait until nothing is left to deliver."""

    def settled() -> bool:
        connection = sqlite3.connect(server.folder / "data" / "shutterpost.db", timeout=20)
        try:
            row = connection.execute(
                "SELECT count(*) FROM deliveries WHERE state = 'waiting'"
            ).fetchone()
        finally:
            connection.close()
        return bool(row == (0,))

    eventually(settled, deadline)


def check(
    load: Load, server: Server, smarthost: Smarthost, mastodon: FakeMastodon
) -> dict[str, int]:
    """Hold the server to its promise; returns what was counted."""
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    failed = connection.execute(
        "SELECT action, last_error FROM deliveries WHERE state != 'done'"
    ).fetchall()
    assert failed == []
    known = {row[0] for row in connection.execute("SELECT file FROM photos")}
    connection.close()
    spool = server.folder / "data" / "spool"
    assert {path.name for path in (spool / "photos").iterdir()} == known
    assert list((spool / "incoming").iterdir()) == []

    mails: dict[str, set[str]] = {}
    for mail in smarthost.inbox.mails:
        [attachment] = mail.message.iter_attachments()
        name = str(attachment.get_filename()).removesuffix(".JPG")
        assert attachment.get_content() == load.sent[name]
        mails.setdefault(name, set()).add(str(mail.message["Message-ID"]))
    posts: dict[str, int] = {}
    for post in mastodon.posts:
        name = str(post["status"]).split("\n")[0]
        [media] = post["media_ids"]
        assert mastodon.media[media].data == load.sent[name]
        posts[name] = posts.get(name, 0) + 1
    stored = {
        path.split("/")[-1].removesuffix(".JPG"): data for path, data in server.stored().items()
    }

    for name in load.acknowledged:
        assert len(mails.get(name, ())) == 1, f"{name}: mailed as {mails.get(name)}"
        assert posts.get(name) == 1, f"{name}: posted {posts.get(name, 0)} times"
        assert stored.get(name) == load.sent[name], f"{name}: not stored"
    for name in load.sent.keys() - load.acknowledged:  # gone, or complete
        assert len(mails.get(name, ())) == posts.get(name, 0) == (name in stored), name
    assert set(stored.values()) <= set(load.sent.values())
    return {
        "sent": len(load.sent),
        "acknowledged": len(load.acknowledged),
        "mails": len(smarthost.inbox.mails),
        "different mails": sum(map(len, mails.values())),
        "posts": len(mastodon.posts),
    }
