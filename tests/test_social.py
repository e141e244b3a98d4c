"""The social dialogue with a running server: sessions, shares, shipments."""

import sqlite3
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import Server, Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.support import PHOTO, Answer, eventually, recording, reply_body
from tests.wiretap import data_segments

SUCCESS = reply_body("status-succ")
ME = 'senders = ["f", "me@example.org", "Camera@samsungcamera.com"]\n'


def post(path: str, body: str | bytes) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    head = f"POST {path} HTTP/1.1\r\nHost: snsgw.samsungmobile.com\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data


def one_segment(server: Server, request: bytes) -> Answer:
    """The answer to a request, which left the server in one segment."""
    answers: list[Answer] = []
    segments = data_segments(server.port, lambda: answers.append(server.ask(request)))
    assert [segment.data for segment in segments] == [answers[0].raw]
    assert segments[0].has_fin
    return answers[0]


def plain_login(user: str, password: str = "") -> str:
    return (
        f'<Request Method="login"><UserName Value="{quote(user)}"/>'
        f'<Password Value="{quote(password)}"/><CryptSessionKey Use="false"/></Request>'
    )


class Phone:
    """A camera's social side, as raw as can be."""

    def __init__(
        self, server: Server, site: str = "facebook", user: str = "me@example.org"
    ) -> None:
        self.server = server
        self.site = site
        answer = server.ask(post(f"/{site}/auth", plain_login(user)))
        assert answer.status == 200, answer.raw
        self.key = answer.body.split(b'SessionKey="')[1].split(b'"')[0].decode()
        expected = reply_body("login").replace(b"SESSIONKEY", self.key.encode())
        assert answer.body == expected.replace(b"SCREENNAME", user.encode())
        assert len(self.key) == 32

    def announce(self, name: str, text: str, kind: str = "Photo", camera: str = "NX300") -> Answer:
        escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        body = (
            f'<Request Method="upload" SessionKey="{self.key}"><{kind}><Album Name="{camera}"/>'
            f'<File Name="{escaped}"/><Content><![CDATA[{text}]]></Content></{kind}></Request>'
        )
        return self.server.ask(post(f"/{self.site}/{kind.lower()}", body))

    def put_head(self, target: str, length: int) -> bytes:
        head = f"PUT {target} HTTP/1.1\r\nContent-Type: image/pjpeg\r\nContent-Length: {length}"
        return head.encode() + b"\r\n\r\n"

    def put(self, name: str, data: bytes, cut: int = 0) -> Answer:
        request = self.put_head(f"/upload/{self.key}/{name}", len(data)) + data
        return self.server.ask(request[:-cut] if cut else request, close_sending=bool(cut))

    def share(self, name: str, data: bytes, text: str, kind: str = "Photo") -> None:
        answer = self.announce(name, text, kind)
        assert answer.status == 200, answer.raw
        resource = answer.body.split(b'ResourceID="')[1].split(b'"')[0].decode()
        expected = reply_body("upload").replace(b"SESSIONKEY", self.key.encode())
        assert answer.body == expected.replace(b"FILENAME", resource.split("/")[2].encode())
        put = self.server.ask(self.put_head(f"/{resource}", len(data)) + data)
        assert (put.status, put.body) == (200, SUCCESS), put.raw


def mastodon_config(mastodon: FakeMastodon, more: str = "") -> str:
    return (
        f'{ME}[server]\nquiet = "1 s"\n[mastodon]\n'
        f'url = "{mastodon.url}"\ntoken = "t0ken"\n{more}\n'
        '[delivery]\nfirst_retry = "0.1 s"\n[actions]\nfacebook = "mastodon"\n'
        '"masto@example.org" = "mastodon"\n'
    )


def test_the_nx300s_encrypted_login_and_every_reply_in_one_segment(
    start_server: StartServer,
) -> None:
    server = start_server(ME)
    answers: list[Answer] = []
    for request in (recording("sns-login-nx300"), recording("sns-logout")):
        answers.append(one_segment(server, request))
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body.split(b"\n")[3] == b'<LoginPeopleID="f"/>'
    assert answers[1].body == b"Logged out for real!"


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("sns-login-empty", 400, b"the login is empty"),
        ("sns-photo", 401, b"Session expired"),
        ("sns-photo-android", 401, b"Session expired"),
        ("sns-video", 401, b"Session expired"),
        ("sns-video-android", 401, b"Session expired"),
        ("sns-put", 401, b"Session expired"),
        ("st1000-serviceproviders", 404, b"not known here"),
        ("allshare-login-nx300", 404, b"not known here"),
    ],
)
def test_recordings_that_get_an_error(server: Server, name: str, status: int, said: bytes) -> None:
    answer = server.ask(recording(name))
    assert answer.status == status
    assert answer.body.startswith(b'<Response ErrCode="%d" ErrSubCode="0" /><!-- ' % status)
    assert said in answer.body


@pytest.mark.parametrize(
    "name", ["sns-photo", "sns-photo-android", "sns-video", "sns-video-android"]
)
def test_recorded_announcements_with_a_live_session(start_server: StartServer, name: str) -> None:
    phone = Phone(start_server(ME))
    body = recording(name).partition(b"\r\n\r\n")[2].replace(b"SESSIONKEY", phone.key.encode())
    target = recording(name).split(b" ")[1].decode()
    answer = phone.server.ask(post(target, body))
    assert answer.status == 200
    file = answer.body.split(b"/")[2].split(b'"')[0]
    expected = reply_body("upload").replace(b"SESSIONKEY", phone.key.encode())
    assert answer.body == expected.replace(b"FILENAME", file)


def test_a_recorded_put_with_a_live_session(start_server: StartServer) -> None:
    server = start_server(ME)
    phone = Phone(server)
    phone.announce("SAM_4371.JPG", "Hi")
    raw = recording("sns-put").replace(b"SESSIONKEY", phone.key.encode())
    assert server.ask(raw).body == SUCCESS
    eventually(server.stored)
    assert list(server.stored().values()) == [PHOTO]


def test_hotspot_checks_alternate_and_what_worked_survives_a_restart(server: Server) -> None:
    def ask(name: str) -> int:
        return server.ask(recording(name)).status

    assert server.ask(recording("hotspot-gld")).body == b""
    assert [ask("hotspot-msn") for _ in range(3)] == [200, 302, 200]
    answer = server.ask(recording("hotspot-yahoo"))
    assert answer.body == b"YAHOO!"
    assert (
        b"\r\nSet-Cookie: samsung=hotspot; Domain=.yahoo.co.kr; Path=/\r\n" in answer.head + b"\r\n"
    )
    assert b'<a href="http://yahoo.com">' in server.ask(recording("hotspot-yahoo")).body
    assert ask("email-nx300") == 200
    server.kill()
    server.start()
    assert [ask("hotspot-msn") for _ in range(2)] == [200, 302]
    assert [ask("hotspot-yahoo") for _ in range(2)] == [200, 302]


def test_a_hotspot_check_is_answered_when_its_memory_cannot_be_kept(server: Server) -> None:
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    connection.execute("DROP TABLE hotspots")
    connection.commit()
    connection.close()
    assert server.ask(recording("hotspot-msn")).status == 200
    assert server.ask(recording("email-nx300")).body == SUCCESS
    assert "what a hotspot check taught cannot be kept" in server.output


def test_hotspot_answers_are_one_segment(server: Server) -> None:
    for name in ("hotspot-gld", "hotspot-msn", "hotspot-yahoo", "hotspot-samsungimaging"):
        one_segment(server, recording(name))


def test_any_other_host_gets_the_page(server: Server) -> None:
    answer = server.ask(recording("hotspot-samsungimaging"))
    assert answer.status == 200
    assert b"Connected" in answer.body
    assert b"Tizen" in answer.body
    assert b"Not this one" in server.ask(b"GET /oauth HTTP/1.1\r\n\r\n").body


def test_who_may_not_share(start_server: StartServer) -> None:
    server = start_server(ME + '[accounts]\n"me@example.org" = { password = "hunter2" }\n')

    def login(user: str, password: str, site: str = "facebook") -> Answer:
        return server.ask(post(f"/{site}/auth", plain_login(user, password)))

    assert login("ME@example.org", "hunter2").status == 200
    for answer in (login("me@example.org", "wrong"), login("x@y.z", "hunter2")):
        assert (answer.status, answer.body) == (401, reply_body("error"))
    oauth = login("me@example.org", "hunter2", "dropbox")
    assert (oauth.status, b"OAuth not supported" in oauth.body) == (401, True)
    assert login("f", "", "myspace").status == 404
    for _ in range(8):
        login("me@example.org", "wrong")
    assert login("me@example.org", "hunter2").status == 429
    assert "hunter2" not in server.output
    assert "wrong" not in server.output


def test_photos_and_videos_are_stored_and_dropped(start_server: StartServer) -> None:
    server = start_server(ME + '[actions]\npicasa = "store.album"\ncyworld = "drop"\n')
    Phone(server).share("A.JPG", PHOTO, "Hi")
    Phone(server, "picasa").share("B.JPG", PHOTO, "Hi")
    Phone(server, "cyworld").share("C.JPG", PHOTO, "Hi")
    Phone(server, "youtube").share("D.MP4", b"video", "A clip", "Video")
    eventually(lambda: len(server.stored()) == 3)
    folders = {Path(path).name: Path(path).parent.name for path in server.stored()}
    assert folders["B.JPG"] == "album"
    assert folders["A.JPG"] == folders["D.MP4"]
    assert len(folders["A.JPG"]) == 20
    assert "C.JPG" not in folders
    assert Phone(server, "picasa").announce("A.MP4", "", "Video").status == 404


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("사진 1.JPG", "사진 1.JPG"),
        ('a "b" & <c>.JPG', "a _b_ & _c_.JPG"),
        ("../../../x.JPG", "x.JPG"),
        ("a%20b?.JPG", "a%20b_.JPG"),
    ],
)
def test_odd_names_are_safe_and_still_recognised(
    start_server: StartServer, name: str, stored: str
) -> None:
    server = start_server(ME)
    phone = Phone(server)
    phone.share(name, b"one", "text")
    assert phone.announce(name, "text").status == 200
    if "?" not in name and '"' not in name:
        assert phone.put(name, b"one").body == SUCCESS
    eventually(server.stored)
    [path] = server.stored()
    assert Path(path).name == stored
    assert len(Path(path).parts) == 2


def test_a_put_that_is_cut_short_can_be_tried_again(start_server: StartServer) -> None:
    server = start_server(ME)
    phone = Phone(server)
    phone.announce("A.JPG", "Hi")
    assert phone.put("A.JPG", PHOTO, cut=10).status == 400
    eventually(lambda: not server.spooled())
    assert phone.put("A.JPG", PHOTO).body == SUCCESS
    assert phone.put("A.JPG", PHOTO).body == SUCCESS
    phone.share("A.JPG", PHOTO, "Hi")
    eventually(server.stored)
    assert len(server.spooled()) == 1
    assert server.output.count("nothing made twice") == 2


def test_a_file_over_the_limit(start_server: StartServer) -> None:
    server = start_server(ME + '[server]\nmax_upload = "1 kB"\n')
    phone = Phone(server)
    phone.announce("A.JPG", "Hi")
    assert phone.put("A.JPG", PHOTO).status == 413
    assert server.spooled() == []


def shipments(server: Server) -> list[tuple[str, int]]:
    connection = sqlite3.connect(server.folder / "data" / "shutterpost.db")
    rows = connection.execute(
        "SELECT s.text, count(*) FROM shipments s JOIN photos p ON p.shipment_id = s.id "
        "GROUP BY s.id ORDER BY s.id"
    ).fetchall()
    connection.close()
    return rows


def test_photos_of_one_session_with_the_same_site_and_text_belong_together(
    start_server: StartServer,
) -> None:
    server = start_server(ME)
    phone = Phone(server)
    for name, text in (("A.JPG", "one"), ("B.JPG", "one"), ("C.JPG", "two"), ("D.JPG", "one")):
        phone.share(name, name.encode(), text)
    Phone(server).share("E.JPG", b"E", "one")
    assert shipments(server) == [("one", 3), ("two", 1), ("one", 1)]


def test_two_photos_with_two_alt_texts_are_one_post_when_the_second_arrives(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    server = start_server(mastodon_config(mastodon).replace('"1 s"', '"1 h"'))
    phone = Phone(server)
    text = "Holiday shot!~fancy flower bed~traffic sign"
    phone.share("A.JPG", b"first", text)
    phone.share("B.JPG", b"second", text)
    [made] = eventually(lambda: mastodon.posts)
    found = [mastodon.media[id] for id in made["media_ids"]]
    assert [(media.data, media.description, media.media_type) for media in found] == [
        (b"first", "fancy flower bed", "image/jpeg"),
        (b"second", "traffic sign", "image/jpeg"),
    ]
    assert made["status"] == "Holiday shot!\n\n📷️ NX300"
    phone.share("A.JPG", b"first", text)  # the camera's own retry
    assert phone.announce("C.JPG", text).status == 400
    assert len(mastodon.posts) == 1


def test_a_missing_alt_text_is_refused_before_any_photo(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    server = start_server(mastodon_config(mastodon))
    phone = Phone(server)
    for text, said in (("Hi", b"No alt-text"), ("Hi~", b"No alt-text")):
        answer = phone.announce("A.JPG", text)
        assert (answer.status, said in answer.body) == (400, True)
    phone.share("A.JPG", b"first", "Hi~one")
    answer = phone.announce("B.JPG", "Hi~one")
    assert (answer.status, b"Not enough alt-text" in answer.body) == (400, True)
    assert phone.announce("A.JPG", "Hi~one").status == 200
    eventually(lambda: mastodon.posts)
    assert len(mastodon.posts) == 1


def email(text: str, to: str, photos: int = 2) -> bytes:
    from tests.support import email_body, email_request

    files = [(f"{n}.JPG", b"photo %d" % n) for n in range(photos)]
    return email_request(email_body(*files, receivers=("album@example.org", to), text=text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi", b"No alt-text"),
        ("Hi~one", b"Not enough alt-text"),
        ("Hi~one~", b"Not enough alt-text"),
        ("Hi~one~two~three", b"More alt-texts than photos"),
    ],
)
def test_an_e_mail_without_its_alt_texts_is_refused_whole(
    start_server: StartServer, mastodon: FakeMastodon, text: str, said: bytes
) -> None:
    server = start_server(mastodon_config(mastodon))
    answer = server.ask(email(text, "masto@example.org"))
    assert (answer.status, said in answer.body) == (400, True)
    assert server.spooled() == []
    assert server.ask(email(text, "other@example.org")).body == SUCCESS
    assert mastodon.posts == []


def test_an_e_mail_is_posted_at_once(start_server: StartServer, mastodon: FakeMastodon) -> None:
    server = start_server(mastodon_config(mastodon))
    assert server.ask(email("Hi~one~two", "masto@example.org")).body == SUCCESS
    [made] = eventually(lambda: mastodon.posts)
    assert [mastodon.media[id].description for id in made["media_ids"]] == ["one", "two"]


def test_without_alt_texts_a_share_is_complete_after_a_quiet_time(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    server = start_server(mastodon_config(mastodon, 'alt_text = "optional"'))
    phone = Phone(server)
    for name in ("A.JPG", "B.JPG", "C.JPG"):
        phone.share(name, name.encode(), "No alts")
    eventually(lambda: mastodon.posts)
    assert [len(made["media_ids"]) for made in mastodon.posts] == [3]


def test_a_put_on_the_wire_is_not_quiet(start_server: StartServer, mastodon: FakeMastodon) -> None:
    import socket

    server = start_server(mastodon_config(mastodon, 'alt_text = "optional"'))
    phone = Phone(server)
    phone.share("A.JPG", b"first", "No alts")
    phone.announce("B.JPG", "No alts")
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(phone.put_head(f"/upload/{phone.key}/B.JPG", 6) + b"sec")
        end = time.monotonic() + 2.5  # more than twice the quiet time
        while time.monotonic() < end:
            assert mastodon.posts == []
            time.sleep(0.1)
        sock.sendall(b"ond")
        assert SUCCESS in sock.recv(2000)
    eventually(lambda: mastodon.posts)
    assert [len(made["media_ids"]) for made in mastodon.posts] == [2]


def test_social_photos_by_mail(start_server: StartServer, smarthost: Smarthost) -> None:
    server = start_server(
        ME + smarthost.config + 'to = "mum@example.org"\nfrom = "me@x.y"\n'
        '[server]\nquiet = "0.2 s"\n[actions]\nfacebook = "email"\n'
    )
    phone = Phone(server)
    phone.share("A.JPG", b"one", "Hi")
    phone.share("B.JPG", b"two", "Hi")
    eventually(lambda: smarthost.inbox.mails)
    names = [
        part.get_filename()
        for mail in smarthost.inbox.mails
        for part in mail.message.iter_attachments()
    ]
    assert names == ["A.JPG", "B.JPG"]
    assert smarthost.inbox.mails[0].recipients == ["mum@example.org"]


def test_a_command_is_run_for_each_file(start_server: StartServer) -> None:
    server = start_server(
        ME + '[shell]\ncmd = ["/bin/sh", "-c", "echo \\"$@\\" >> log.txt", "x", '
        '"{sender}", "{recipient}", "{filename}"]\n[actions]\nfacebook = "shell"\n'
        '"cmd@example.org" = "shell"\n'
    )
    Phone(server).share("A.JPG", b"one", "Hi")
    server.ask(email("Hi", "cmd@example.org"))
    log = server.folder / "log.txt"
    lines = eventually(lambda: log.exists() and len(log.read_text().splitlines()) == 3)
    assert lines
    first = log.read_text().splitlines()[0].split(" ")
    assert first[:2] == ["me@example.org", "facebook"]
    assert Path(first[2]).read_bytes() == b"one"


def test_twenty_cameras_at_once_mix_nothing_up(
    start_server: StartServer, mastodon: FakeMastodon
) -> None:
    server = start_server(mastodon_config(mastodon))
    failures: list[BaseException] = []

    def camera(number: int) -> None:
        try:
            phone = Phone(server, ("facebook", "picasa")[number % 2])
            text = f"Camera {number}~first of {number}~second of {number}"
            for photo in ("first", "second"):
                phone.share(
                    "SAM_0001.JPG" if photo == "first" else "SAM_0002.JPG",
                    f"{photo} of {number}".encode(),
                    text,
                )
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=camera, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    eventually(lambda: len(mastodon.posts) == 10 and len(server.stored()) == 20)
    for made in mastodon.posts:
        number = made["status"].split("\n")[0].split(" ")[1]
        found = [mastodon.media[id] for id in made["media_ids"]]
        assert [media.data.decode() for media in found] == [
            f"first of {number}",
            f"second of {number}",
        ]
        assert [media.description for media in found] == [
            f"first of {number}",
            f"second of {number}",
        ]
    assert sorted(server.stored().values()) == sorted(
        f"{photo} of {number}".encode()
        for photo in ("first", "second")
        for number in range(1, 20, 2)
    )


def test_what_nobody_knows_is_kept_without_its_secrets(server: Server) -> None:
    server.ask(recording("allshare-login-nx300"))
    server.ask(recording("st1000-serviceproviders"))
    server.ask(recording("st1000-serviceproviders"))
    server.ask(b"GET /favicon.ico HTTP/1.1\r\n\r\n")
    server.ask(
        b"POST /facebook/auth/key HTTP/1.1\r\nAuthorization: OAuth secret\r\n"
        b"Content-Length: 52\r\n\r\n"
        b'<Request SessionKey="abcdef" X="y"><PersistKey Value'
    )
    folder = server.folder / "data" / "unknown"
    found = {path.name.rsplit("-", 1)[0]: path.read_bytes() for path in folder.iterdir()}
    assert len(found) == 3
    login = found["post-www-ospserver-net-security-sso-userprofiles-authentication-emailid"]
    assert login.startswith(b"POST /security/sso/userprofiles/authentication/emailid HTTP/1.1\r\n")
    assert b"<password>***</password>" in login
    assert b"me@example.org" not in login
    key = found["post-facebook-auth-key"]
    assert b"secret" not in key
    assert b'SessionKey="******"' in key
    assert server.output.count("please look at") == 3


def test_at_most_a_hundred_unknown_requests_are_kept(server: Server) -> None:
    for number in range(110):
        assert server.ask(b"GET /unknown/%d HTTP/1.1\r\n\r\n" % number).status == 404
    assert len(list((server.folder / "data" / "unknown").iterdir())) == 100


def test_the_clock_of_the_st1000(server: Server) -> None:
    body = server.ask(recording("st1000-time")).body
    milliseconds = int(body.split(b"currentServerTime>")[1].split(b"<")[0])
    assert abs(milliseconds / 1000 - time.time()) < 60
    expected = reply_body("time").replace(b"1782000000000", str(milliseconds).encode())
    assert body == expected


def test_session_keys_do_not_reach_the_log(start_server: StartServer) -> None:
    server = start_server(ME)
    phone = Phone(server)
    phone.share("A.JPG", b"x", "Hi")
    assert phone.key not in server.output
    assert phone.key[:6] in server.output
