"""Photos, deliveries, cameras and setting up, as HTTP shows them."""

import asyncio
import http.client
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import update
from starlette.testclient import TestClient

from shutterpost.images.exif import Tag
from shutterpost.spool.schema import photos
from shutterpost.web.folders import PAGE_SIZE as FILES
from shutterpost.web.videos import duration
from shutterpost.web.views import PAGE_SIZE
from shutterpost.web.words import size, times, trouble
from tests.conftest import Server, Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.images.shapes import entry, tiff, with_exif
from tests.support import PHOTO, eventually
from tests.web.opened import opened
from tests.web.visitor import Visitor, password_of, photo, send


def owner_of(server: Server) -> Visitor:
    visitor = Visitor(server.page)
    assert visitor.login(password_of(server)).status == 303
    return visitor


def test_a_photo_is_shown_with_where_it_went(
    start_server: StartServer, smarthost: Smarthost, tmp_path: Path
) -> None:
    server = start_server(smarthost.config)
    path = photo(tmp_path, "SAM_0001.JPG")
    send(server, path, "a@example.org", text="<b>Hello</b>~an 'alt' text")
    owner = owner_of(server)
    eventually(lambda: "mailed to a@example.org" in owner.get("/").text)
    text = owner.get("/").text
    assert "&lt;b&gt;Hello&lt;/b&gt;" in text
    assert 'alt="an &#39;alt&#39; text"' in text
    assert "NX300" in text
    one = owner.get("/photos/1")
    assert one.status == 200
    for part in ("Camera@samsungcamera.com", "600 x 400 pixels", "a@example.org"):
        assert part in one.text
    file = owner.get("/photos/1/file")
    assert file.data == path.read_bytes()
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''SAM_0001.JPG"
    assert owner.get("/photos/2").status == 404


def test_pictures_are_small_upright_and_made_once(server: Server, tmp_path: Path) -> None:
    send(server, photo(tmp_path, "SAM_0001.JPG", "black", side=3000, turned=6))
    owner = owner_of(server)
    for kind, side in (("thumb", 480), ("large", 1600)):
        answer = owner.get(f"/photos/1/{kind}")
        image = Image.open(io.BytesIO(answer.data))
        assert image.format == "JPEG"
        assert max(image.size) == side
        assert image.height > image.width  # 6 is a quarter turn
        assert image.getpixel((image.width - 10, 10))[0] > 200  # type: ignore[index]
        assert image.getpixel((10, 10))[0] < 50  # type: ignore[index]
        assert "immutable" in answer.headers["cache-control"]
    made = server.folder / "data" / "pictures" / "1-thumb.jpg"
    when = made.stat().st_mtime_ns
    owner.get("/photos/1/thumb")
    assert made.stat().st_mtime_ns == when
    assert owner.get("/photos/1/huge").status == 404


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that would be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(kind: str, side: int = 600, **options: object) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG"])
def test_every_kind_of_picture_is_shown(tmp_path: Path, kind: str) -> None:
    with opened(tmp_path) as page:
        page.add(picture(kind), f"A.{kind}")
        answer = page.owner().get("/photos/1/thumb")
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (480, 480)


def test_a_bomb_is_refused_for_its_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as page, caplog.at_level("INFO"):
        page.add(bomb(6000), "A.PNG")
        page.add(picture("JPEG", 5600, progressive=True), "B.JPG")
        page.add(picture("JPEG", 5600), "C.JPG")
        owner = page.owner()
        kinds = [owner.get(f"/photos/{n}/thumb").headers["content-type"] for n in (1, 2, 3)]
        assert kinds == ["image/svg+xml", "image/svg+xml", "image/jpeg"]
    assert "36000000 pixels are too many" in caplog.text


def test_a_photo_that_says_nonsense_has_a_page(tmp_path: Path) -> None:
    model = entry(Tag.MODEL, 2, 4, int.from_bytes(b"NX1\0"))
    unset = tiff(model, entry(Tag.EXPOSURE, 5, 1, 38), rest=bytes(8))
    with opened(tmp_path) as page:
        page.add(bomb(6000), "A.PNG")
        page.add(with_exif(unset), "B.JPG")
        page.add(b"\xff\xd8\xff", "C.JPG")
        owner = page.owner()
        first, second, third = (owner.get(f"/photos/{n}") for n in (1, 2, 3))
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 200]
    assert "6000 x 6000 pixels" in first.text
    assert "640 x 480 pixels" in second.text
    assert "Exposure" not in second.text
    assert "pixels" not in third.text


def test_a_passing_error_is_no_lasting_one(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        page.add(PHOTO)
        owner = page.owner()
        folder = tmp_path / "data" / "pictures"
        folder.write_text("in the way")
        assert owner.get("/photos/1/thumb").headers["content-type"] == "image/svg+xml"
        folder.unlink()
        assert owner.get("/photos/1/thumb").headers["content-type"] == "image/jpeg"
        assert [path.name for path in folder.iterdir()] == ["1-thumb.jpg"]


def test_no_picture_is_kept_where_photos_need_the_room(tmp_path: Path) -> None:
    with opened(tmp_path, '[storage]\nmin_free = "1000 TB"') as page:
        page.add(PHOTO)
        assert page.owner().get("/photos/1/thumb").headers["content-type"] == "image/svg+xml"
        assert list((tmp_path / "data" / "pictures").iterdir()) == []


def test_a_photo_that_left_the_spool_keeps_its_small_picture(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        page.add(PHOTO)
        owner = page.owner()
        owner.get("/photos/1/thumb")
        purged = update(photos).values(purged=True)
        asyncio.run(page.spool.database.write(lambda connection: connection.execute(purged)))
        assert "/photos/1/thumb" in owner.get("/photos/1").text


def test_what_cannot_be_shown_is_no_trouble(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        for number, data in enumerate((b"no photo", PHOTO[:300], bomb(60_000), b""), 1):
            page.add(data, f"{number}.JPG")
        page.add(b"\0\0\0\x18ftypmp42", "5.MP4", "video/mp4")
        owner = page.owner()
        assert owner.get("/").status_code == 200
        for number in range(1, 6):
            answer = owner.get(f"/photos/{number}/thumb")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
            assert owner.get(f"/photos/{number}").status_code == 200
            assert owner.get(f"/photos/{number}/file").status_code == 200


def test_what_left_the_spool_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        page.add(PHOTO)
        for file in (tmp_path / "data" / "spool").rglob("?*"):
            if file.is_file():
                file.unlink()
        owner = page.owner()
        assert owner.get("/photos/1").status_code == 200
        assert owner.get("/photos/1/file").status_code == 404


def test_pages_of_photos_follow_each_other(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        for number in range(PAGE_SIZE + 2):
            page.add(b"%d" % number, f"N{number}.JPG")
        owner = page.owner()
        first = owner.get("/").text
        assert first.count("<article") == PAGE_SIZE
        assert "/?before=3" in first
        second = owner.get("/?before=3").text
        assert second.count("<article") == 2
        assert "Older" not in second
        assert owner.get("/?before=1").text.count("<article") == 0


ADDRESSES = (
    "/?before={}",
    "/photos/{}",
    "/photos/{}/thumb",
    "/photos/{}/file",
    "/photos/1/{}",
    "/deliveries?failed={}",
    "/deliveries?waiting={}",
    "/deliveries/{}/drop",
    "/cameras/unknown/{}",
    "/setup?camera={}",
    "/setup/mastodon/finish?state={}",
    "/setup/mastodon/back?code={}&state={}",
    "/{}",
    "/{}/",
    "/{}/{}",
)


@given(
    path=st.sampled_from(ADDRESSES),
    value=st.one_of(
        st.text(max_size=300),
        st.integers().map(str),
        st.sampled_from(("..", "%2e%2e%2f", "1e9", "-1", "9" * 30, "\0", "%00", "a" * 20)),
    ),
)
def test_any_address_gets_an_answer(shared: TestClient, path: str, value: str) -> None:
    answer = shared.get(path.replace("{}", quote(value, safe="%")))
    assert answer.status_code in (200, 303, 307, 404, 405), path
    assert "Traceback" not in answer.text


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with opened(tmp_path_factory.mktemp("page"), "folders = true") as page:
        page.add(PHOTO)
        yield page.owner()


@given(data=st.binary(max_size=200))
def test_any_file_may_call_itself_a_video(folder: Path, data: bytes) -> None:
    path = folder / "video.mp4"
    path.write_bytes(box(b"moov", box(b"mvhd", data)) + data)
    length = duration(path)
    assert length is None or length >= 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


def box(kind: bytes, content: bytes, long: bool = False) -> bytes:
    if long:
        return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content
    return struct.pack(">I4s", len(content) + 8, kind) + content


@pytest.mark.parametrize("long", (False, True))
def test_a_video_says_how_long_it_is(server: Server, tmp_path: Path, long: bool) -> None:
    if long:
        head = bytes([1, 0, 0, 0]) + bytes(16) + struct.pack(">IQ", 600, 600 * 125) + bytes(80)
    else:
        head = bytes(4) + bytes(8) + struct.pack(">II", 1000, 125_000) + bytes(80)
    data = box(b"ftyp", b"mp42") + box(b"mdat", bytes(1000), long)
    path = tmp_path / "SAM_0001.MP4"
    path.write_bytes(data + box(b"moov", box(b"iods", b"") + box(b"mvhd", head)))
    assert duration(path) == 125.0
    send(server, path, site="youtube")
    owner = owner_of(server)
    text = owner.get("/").text
    assert "SAM_0001.MP4" in text
    assert "2:05" in text
    assert "/photos/1/thumb" not in text


def test_events_tell_what_happens(server: Server, tmp_path: Path) -> None:
    owner = owner_of(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.page, timeout=20)
    cookie = f"shutterpost={owner.cookies['shutterpost']}"
    connection.request("GET", "/events", headers={"Cookie": cookie})
    stream = connection.getresponse()
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    heard: dict[str, dict[str, object]] = {}
    kind = ""
    while not {"sending", "sent", "shipment", "device"} <= set(heard):
        line = stream.readline().decode().strip()
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            heard.setdefault(kind, json.loads(line[6:]))
    assert heard["sending"]["name"] == "SAM_0001.JPG"
    assert heard["shipment"] == {"id": 1}
    assert heard["device"]["what"] == "upload"
    assert server.stop() == 0  # an open page does not keep the server from stopping
    connection.close()


def test_cameras_are_remembered(server: Server, tmp_path: Path) -> None:
    hello = b"GET /nx/ HTTP/1.1\r\nHost: www.samsungimaging.com\r\nUser-Agent: SAMSUNG <NX>\r\n\r\n"
    server.ask(hello)
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    server.stop()
    server.start()
    owner = owner_of(server)
    text = owner.get("/cameras").text
    assert "127.0.0.1" in text
    assert "123456789033" in text
    assert "SAMSUNG &lt;NX&gt;" in text
    assert "request-line-whitespace" in text
    [report] = (server.folder / "data" / "unknown").glob("*.http")
    answer = owner.get(f"/cameras/unknown/{report.name}")
    assert answer.data == report.read_bytes()
    assert answer.headers["content-disposition"].startswith("attachment")
    for name in ("..%2fpassword", "%2e%2e%2fpassword", ".http", "nothing.http"):
        assert owner.get(f"/cameras/unknown/{name}").status == 404


def test_deliveries_are_mended(
    start_server: StartServer, smarthost: Smarthost, tmp_path: Path
) -> None:
    smarthost.inbox.refuse["a@example.org"] = "550 unknown <user>"
    server = start_server(smarthost.config)
    send(server, photo(tmp_path, "SAM_0001.JPG"), "a@example.org")
    owner = owner_of(server)
    eventually(lambda: "Failed</h2>" in owner.get("/deliveries").text)
    text = owner.get("/deliveries").text
    assert "550 unknown &lt;user&gt;" in text
    assert "The mail server does not take one of the addresses." in text
    assert owner.get("/deliveries/1/drop").status == 200
    smarthost.inbox.refuse.clear()
    assert owner.send("/deliveries/1/retry").headers["location"] == "/deliveries"
    assert "It is tried now." in owner.get("/deliveries").text
    assert "It is tried now." not in owner.get("/deliveries").text
    eventually(lambda: smarthost.inbox.mails)
    eventually(lambda: "All done." in owner.get("/deliveries").text)
    answer = owner.send("/deliveries/1/retry", photo="1")
    assert answer.headers["location"] == "/photos/1"
    assert "delivery 1 is done: there is nothing to retry" in owner.get("/photos/1").text
    assert owner.send("/deliveries/9/drop").status == 303
    assert "there is no delivery 9" in owner.get("/deliveries").text


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_persons_retry_tries_what_is_paused(
    start_server: StartServer, smarthost: Smarthost, tmp_path: Path
) -> None:
    smarthost.stop()
    smarthost.start(smarthost.port, auth_required=True, auth_require_tls=False)
    server = start_server(smarthost.config)
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    owner = owner_of(server)
    eventually(lambda: "email is paused" in owner.get("/deliveries").text)
    smarthost.stop()
    smarthost.start(smarthost.port)
    owner.send("/deliveries/1/retry")
    eventually(lambda: smarthost.inbox.mails)
    eventually(lambda: "All done." in owner.get("/deliveries").text)


def test_a_camera_is_found_by_its_other_names(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        page.devices.uploaded("192.168.1.6", model="WB1100F/WB1101F/WB1102F")
        assert page.devices.name_of("192.168.1.6") == "WB1100F"
        text = page.owner().get("/setup?camera=WB1102F").text
        assert '<option value="WB1100F" selected>WB1100F, WB1101F, WB1102F</option>' in text
        assert 'id="step-upload" class="done"' in text


def test_the_steps_are_those_of_the_chosen_camera(tmp_path: Path) -> None:
    with opened(tmp_path) as page:
        page.devices.asked("192.168.1.4", "www.msn.com")  # nobody knows what it is
        page.devices.checked("192.168.1.5", "www.msn.com", "Mozilla/5.0 (SAMSUNG WB35F)")
        page.devices.uploaded("192.168.1.6", model="NX300")
        owner = page.owner()

        def steps(camera: str) -> list[str]:
            text = owner.get(f"/setup?camera={camera}").text
            return re.findall(r'id="step-(\w+)" class="done"', text)

        assert steps("") == ["dns", "check", "upload"]
        assert steps("NX300") == ["dns", "upload"]
        assert steps("WB35F") == ["dns", "check"]
        page.now += 901
        assert steps("") == []


def test_a_test_mail_that_is_refused_is_told(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    smarthost.inbox.refuse = {"me@example.org": "550 5.1.1 no such user"}
    owner = owner_of(start_server(smarthost.config))
    owner.send("/setup/mail", "/setup", to="me@example.org")
    text = owner.get("/setup").text
    assert "The mail did not go out: me@example.org is refused: 550 5.1.1 no such user" in text


def test_setting_up_says_what_is_wrong(server: Server) -> None:
    owner = owner_of(server)
    for path, fields, said in (
        ("/setup/mail", {"to": "me@example.org"}, "set [email] host"),
        ("/setup/mail", {"to": "nobody"}, "The mail did not go out"),
        ("/setup/photo", {"to": "nowhere"}, "The photo was not taken"),
        ("/setup/photo", {"to": "flickr"}, "The photo was not taken"),
        ("/setup/mastodon", {"url": ""}, "give your server as"),
        ("/setup/mastodon", {"url": "http://photog.social"}, "give your server as"),
        ("/setup/mastodon", {"url": "javascript://x"}, "Not connected"),
        ("/setup/mastodon", {"url": "http://127.0.0.1:9", "inside": "yes"}, "cannot be reached"),
        ("/setup/mastodon", {"url": f"http://127.0.0.1:{server.page}", "inside": "yes"}, "Not"),
        ("/setup/mastodon", {"url": "http://127.0.0.1:9", "instance": "../x"}, "Not connected"),
    ):
        assert owner.send(path, "/setup", **fields).status == 303
        text = owner.get("/setup").text
        assert said in text, (path, fields)
    assert owner.get("/setup/mastodon/finish?state=unknown&code=c").status == 404
    back = Visitor(server.page).get('/setup/mastodon/back?code="><script>&state=a')
    assert back.status == 200
    assert "<script>" not in back.text


FOLDER = "Ab3-_" * 4


def test_shared_folders(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(f'[web]\nfolders = true\n[actions]\nfacebook = "store.{"x" * 20}"\n')
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    send(server, photo(tmp_path, "SAM_0002.JPG"), site="facebook")
    eventually(lambda: len(server.stored()) == 2)
    [folder] = {Path(path).parent for path in server.stored()} - {Path("x" * 20)}
    (server.photos / folder / ".hidden").write_bytes(b"hidden")
    (server.photos / folder / "link.JPG").symlink_to("/etc/passwd")
    (server.photos / folder / "page.html").write_text("<script>alert(1)</script>")
    (server.photos / ("y" * 20)).symlink_to("/etc")
    (server.photos / "2014-07-Italy-Venice").mkdir()
    (server.photos / "2014-07-Italy-Venice" / "A.JPG").write_bytes(PHOTO)
    anyone = Visitor(server.page)
    listed = anyone.get(f"/{folder}/")
    assert listed.status == 200
    assert "SAM_0001.JPG" in listed.text
    assert "hidden" not in listed.text
    assert "link.JPG" not in listed.text
    file = anyone.get(f"/{folder}/SAM_0001.JPG")
    assert file.data == (server.photos / folder / "SAM_0001.JPG").read_bytes()
    assert file.headers["content-disposition"].startswith("inline")
    assert anyone.get(f"/{folder}/page.html").headers["content-disposition"].startswith("attach")
    wrong = anyone.get(f"/{FOLDER}/")
    assert wrong.status == 404
    for path in (
        f"/{FOLDER}/SAM_0001.JPG",
        f"/{'x' * 20}/",
        f"/{'x' * 20}/SAM_0002.JPG",
        f"/{'y' * 20}/passwd",
        "/2014-07-Italy-Venice/",
        "/2014-07-Italy-Venice/A.JPG",
        f"/{folder}/{'a' * 300}",
        f"/{folder}/.hidden",
        f"/{folder}/link.JPG",
        f"/{folder}/..%2f..%2fpassword",
        f"/{folder}/nothing",
    ):
        answer = anyone.get(path)
        assert (answer.status, answer.text) == (404, wrong.text), path
    assert anyone.get("/").status == 303
    assert anyone.get("/photos/1").status == 303
    owner = owner_of(server)
    assert f"/{folder}/" in owner.get("/photos/1").text


def test_a_long_shared_folder_has_pages(server: Server, tmp_path: Path) -> None:
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    [path] = eventually(server.stored)
    folder = server.photos / Path(path).parent
    for number in range(FILES):
        (folder / f"N{number}.JPG").write_bytes(b"")
    server.stop()
    server.config.write_text("[web]\nfolders = true\n")
    server.start()
    first = Visitor(server.page).get(f"/{folder.name}/").text
    assert first.count("<tr>") == FILES + 1
    second = Visitor(server.page).get(f"/{folder.name}/?from={FILES}").text
    assert second.count("<tr>") == 2
    assert "Older" in first
    assert "Older" not in second


def test_shared_folders_are_off_unless_asked_for(server: Server, tmp_path: Path) -> None:
    send(server, photo(tmp_path, "SAM_0001.JPG"))
    [path] = eventually(server.stored)
    anyone = Visitor(server.page)
    assert anyone.get(f"/{Path(path).parent}/").status == 303
    assert owner_of(server).get(f"/{path}").status == 404


def test_words_are_a_persons() -> None:
    assert [size(number) for number in (1, 1200, 2_500_000, 4_000_000_000)] == [
        "1 bytes",
        "1.2 kB",
        "2.5 MB",
        "4 GB",
    ]
    assert (times(1, "attempt"), times(2, "attempt")) == ("1 attempt", "2 attempts")
    assert trouble("") == "Not tried yet."
    assert trouble("a@b.c is refused: 550 no") != trouble("a@b.c is refused: 450 later")
    assert trouble("???") == "Something unexpected happened."
    moved = "https://a.b says 301 to GET /x: https://c.d is where it leads: correct the url"
    assert trouble(moved) == "The server's address is not right."
    kind = "https://a.b does not take V.MP4 (video/mp4), but image/jpeg"
    assert trouble(kind) == "The server does not take this kind of file."
    assert "sender's" in trouble("a.b:587 refuses the sender c@d.e: 550 no")
    assert "text is too long" in trouble("./log.sh cannot be run: Argument list too long")


def test_no_server_inside_is_asked_before_the_owner_says_so(
    server: Server, mastodon: FakeMastodon
) -> None:
    owner = owner_of(server)
    for where in (mastodon.url, "https://127.1:1"):
        answer = owner.send("/setup/mastodon", url=where, instance="")
        assert "is 127.0.0.1, inside your own network" in answer.text
        assert mastodon.asked == []
    answer = owner.send("/setup/mastodon", url=mastodon.url, instance="", inside="yes")
    assert "Go on to" in answer.text
    assert mastodon.asked == ["POST /api/v1/apps"]
