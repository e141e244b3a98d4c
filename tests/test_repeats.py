"""What is sent again: by a camera that got no answer, or by a person whose photo did not arrive.

A camera that shows "sent" must have something on its way: what failed is tried again, what
was delivered is not delivered twice.
"""

import sqlite3
import subprocess
import sys

import pytest

from tests.conftest import Server, Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.support import PHOTO, email_body, email_request, eventually, recording, reply_body
from tests.test_social import ME, Phone, mastodon_config, post

SUCCESS = reply_body("status-succ")


def states(server: Server) -> list[tuple[str, str]]:
    """Action and state of every delivery."""
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    rows = connection.execute("SELECT action, state FROM deliveries ORDER BY id").fetchall()
    connection.close()
    return rows


def failed(server: Server) -> bool:
    return "failed" in {state for _, state in states(server)}


def mailing(smarthost: Smarthost) -> str:
    return (
        ME + smarthost.config + 'to = "mum@example.org"\nfrom = "me@x.y"\n'
        '[server]\nquiet = "0.2 s"\n[actions]\nfacebook = "email"\n'
    )


def test_an_e_mail_that_failed_and_is_shared_again_is_mailed(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(mailing(smarthost))
    smarthost.inbox.refuse["photos@example.org"] = "550 5.1.1 no such user"
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(lambda: failed(server))
    smarthost.inbox.refuse.clear()
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(lambda: smarthost.inbox.mails)
    eventually(lambda: states(server) == [("email", "done")])
    assert len(smarthost.inbox.mails) == 1
    assert "sent again, what had failed is tried again" in server.output


def test_an_e_mail_that_failed_for_one_receiver_goes_again_to_that_one_alone(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(mailing(smarthost))
    smarthost.inbox.refuse["b@example.org"] = "550 5.1.1 no such user"
    body = email_body(("A.JPG", PHOTO), receivers=("a@example.org", "b@example.org"))
    assert server.ask(email_request(body)).body == SUCCESS
    eventually(lambda: failed(server))
    smarthost.inbox.refuse.clear()
    assert server.ask(email_request(body)).body == SUCCESS
    eventually(lambda: len(smarthost.inbox.mails) == 2)
    assert [mail.recipients for mail in smarthost.inbox.mails] == [
        ["a@example.org"],
        ["b@example.org"],
    ]


@pytest.mark.parametrize("same_session", [True, False])
def test_a_share_that_failed_and_is_shared_again_is_mailed_once(
    start_server: StartServer, smarthost: Smarthost, same_session: bool
) -> None:
    server = start_server(mailing(smarthost))
    smarthost.inbox.refuse["mum@example.org"] = "550 5.1.1 no such user"
    phone = Phone(server)
    phone.share("A.JPG", b"one", "Hi")
    phone.share("B.JPG", b"two", "Hi")
    eventually(lambda: failed(server))
    smarthost.inbox.refuse.clear()
    if not same_session:
        phone = Phone(server, user="ME@example.org")
    phone.share("A.JPG", b"one", "Hi")
    phone.share("B.JPG", b"two", "Hi")
    eventually(lambda: smarthost.inbox.mails)
    eventually(lambda: states(server) == [("email", "done")])
    [mail] = smarthost.inbox.mails
    assert [part.get_filename() for part in mail.message.iter_attachments()] == ["A.JPG", "B.JPG"]


def test_what_was_given_up_and_is_shared_again_is_sent(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(mailing(smarthost))
    port = smarthost.port
    smarthost.stop()
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(lambda: "will be tried again" in server.output)
    drop = [sys.executable, "-m", "shutterpost", "queue", "drop", "1"]
    subprocess.run(drop, cwd=server.folder, check=True, capture_output=True)
    smarthost.start(port)
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(lambda: smarthost.inbox.mails)


def test_a_stored_photo_whose_file_is_gone_is_stored_again(server: Server) -> None:
    assert server.ask(recording("email-nx300")).body == SUCCESS
    [path] = eventually(lambda: [*server.photos.rglob("*.JPG")])
    eventually(lambda: states(server) == [("store", "done")])
    path.unlink()
    assert server.ask(recording("email-nx300")).body == SUCCESS
    eventually(path.exists)
    assert path.read_bytes() == PHOTO
    assert len(server.spooled()) == 1


def test_a_stored_share_that_is_sent_again_makes_no_second_file(start_server: StartServer) -> None:
    server = start_server(ME + '[actions]\npicasa = "store.album"\n')
    for _ in range(3):
        Phone(server, "picasa").share("A.JPG", PHOTO, "Hi")
    eventually(lambda: states(server) == [("store.album", "done")])
    assert server.stored() == {"album/A.JPG": PHOTO}
    (server.photos / "album" / "A.JPG").unlink()
    Phone(server, "picasa").share("A.JPG", PHOTO, "Hi")
    eventually(lambda: server.stored() == {"album/A.JPG": PHOTO})


@pytest.mark.parametrize("photo", [1, 2])
def test_killed_between_commit_and_reply_a_share_is_one_post_in_a_new_session(
    start_server: StartServer, mastodon: FakeMastodon, photo: int
) -> None:
    server = start_server(mastodon_config(mastodon).replace('"1 s"', '"1 h"'))
    server.kill()
    server.start(SHUTTERPOST_TEST_KILL_AT=f"committed:{photo}")
    text = "Holiday shot!~fancy flower bed~traffic sign"
    phone = Phone(server)
    if photo == 2:
        phone.share("A.JPG", b"first", text)
    name, data = (("A.JPG", b"first"), ("B.JPG", b"second"))[photo - 1]
    assert phone.announce(name, text).status == 200
    assert phone.put(name, data).raw == b""
    server.process.wait()
    server.start()
    again = Phone(server)
    again.share("A.JPG", b"first", text)
    again.share("B.JPG", b"second", text)
    [made] = eventually(lambda: mastodon.posts)
    eventually(lambda: states(server) == [("mastodon", "done")])
    found = [mastodon.media[id] for id in made["media_ids"]]
    assert [(media.data, media.description) for media in found] == [
        (b"first", "fancy flower bed"),
        (b"second", "traffic sign"),
    ]
    assert len(mastodon.posts) == 1


def test_the_same_text_after_a_complete_share_begins_a_new_share(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    server = start_server(mastodon_config(mastodon))
    phone = Phone(server)
    for number, text in enumerate(("One~a", "Two~b", "One~a")):
        phone.share(f"{number}.JPG", b"photo %d" % number, text)
    eventually(lambda: len(mastodon.posts) == 3)
    found = [mastodon.media[made["media_ids"][0]] for made in mastodon.posts]
    assert sorted((media.data, media.description) for media in found) == [
        (b"photo 0", "a"),
        (b"photo 1", "b"),
        (b"photo 2", "a"),
    ]


def test_a_logout_ends_nothing(start_server: StartServer, mastodon: FakeMastodon) -> None:
    server = start_server(mastodon_config(mastodon).replace('"1 s"', '"1 h"'))
    phone = Phone(server)
    phone.share("A.JPG", b"first", "Hi~one~two")
    logout = f'<Request Method="logout" SessionKey="{phone.key}"/>'
    assert server.ask(post("/facebook/auth", logout)).body == b"Logged out for real!"
    phone.share("B.JPG", b"second", "Hi~one~two")
    [made] = eventually(lambda: mastodon.posts)
    assert len(made["media_ids"]) == 2


ODD_TARGETS = (
    "//upload/{key}/SAM_0001.JPG",
    "/upload//{key}//SAM_0001.JPG",
    "/UPLOAD/{KEY}/SAM_0001.JPG",
    "/upload/{key}/SAM_0001.JPG?x=1",
    "/upload/{key}/sam_0001.jpg",
    "/upload/{key}/SAM%255F0001.JPG",
    "/upload/{key}/SAM+0001.JPG",
    "/upload/{key}/\ubbf4.JPG",
    "/upload/{key}/OTHER.JPG",
    "/upload/{key}/",
    "/upload/{key}",
)


@pytest.mark.parametrize("target", ODD_TARGETS)
def test_a_put_belongs_to_the_one_announcement_that_waits(
    start_server: StartServer, mastodon: FakeMastodon, target: str
) -> None:
    server = start_server(mastodon_config(mastodon))
    phone = Phone(server)
    assert phone.announce("SAM_0001.JPG", "Hi~one").status == 200
    target = target.format(key=phone.key, KEY=phone.key.upper())
    request = phone.put_head(target, len(PHOTO)) + PHOTO
    assert server.ask(request).body == SUCCESS
    assert server.ask(request).body == SUCCESS
    [made] = eventually(lambda: mastodon.posts)
    eventually(lambda: states(server) == [("mastodon", "done")])
    assert mastodon.media[made["media_ids"][0]].description == "one"
    assert len(mastodon.posts) == 1
    assert len(server.spooled()) == 1


def test_a_put_in_bytes_of_cp949_is_the_announced_one(start_server: StartServer) -> None:
    server = start_server(ME)
    phone = Phone(server)
    phone.announce("A.JPG", "Hi")
    phone.announce("사진.JPG", "Hi")
    head = phone.put_head(f"/upload/{phone.key}/NAME", 5)
    for name in ("사진.JPG".encode("cp949"), b"%BB%E7%C1%F8.JPG"):
        assert server.ask(head.replace(b"NAME", name) + b"photo").body == SUCCESS
    assert phone.put("A.JPG", b"other").body == SUCCESS
    eventually(lambda: len(server.stored()) == 2)
    assert {path.partition("/")[2] for path in server.stored()} == {"A.JPG", "사진.JPG"}


def test_a_put_that_nobody_announced_belongs_to_the_last_share(start_server: StartServer) -> None:
    server = start_server(ME)
    phone = Phone(server)
    assert phone.put("SAM%5F0001.JPG", b"no text").body == SUCCESS
    phone.share("A.JPG", b"announced", "Hi")
    for _ in range(2):
        assert phone.put("B.JPG", b"not announced").body == SUCCESS
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    rows = connection.execute(
        "SELECT s.site, s.text, p.name FROM photos p JOIN shipments s ON s.id = p.shipment_id"
    ).fetchall()
    connection.close()
    assert rows == [
        ("facebook", "", "SAM_0001.JPG"),
        ("facebook", "Hi", "A.JPG"),
        ("facebook", "Hi", "B.JPG"),
    ]
    assert "unannounced-file" in server.output


def test_a_put_that_nobody_announced_may_not_mail_whom_an_announced_one_may_not(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(
        mailing(smarthost).replace("[server]\n", '[server]\nrecipients = ["dad@example.org"]\n')
    )
    phone = Phone(server)
    assert phone.announce("A.JPG", "Hi").status == 403
    assert phone.put("A.JPG", PHOTO).status == 403
    assert server.spooled() == []


def test_a_put_of_no_session_is_refused(start_server: StartServer) -> None:
    server = start_server(ME)
    phone = Phone(server)
    for key in ("../" * 10, "0" * 32, phone.key[:-1]):
        phone.key = key
        assert phone.put("A.JPG", PHOTO).status in (401, 404)
    assert server.spooled() == []
